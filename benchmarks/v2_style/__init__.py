# SPDX-License-Identifier: GPL-3.0-or-later
"""A rival: MoCapAnything V2's design (arXiv 2604.28130), in the size and with the training of our networks.

    python -m benchmarks.v2_style train --trunk FILE --backgrounds PICTURES   # -> runs/v2_style
    python -m benchmarks.v2_style evaluate     # captures of creatures that it never saw, beside the floors
    python -m benchmarks.v2_style speed        # against the published size and our own capture

Training can be broken off: start it again and it goes on. FILE holds EfficientNet-Lite0's published weights;
training/README.md says where they come from.

What is V2's: frozen dense image tokens; reference encoder (graph attention to ancestors and to all joints,
attention to reference pictures); decoder from video to joint positions with attention to tokens and a window
of five frames; decoder from positions to local rotations with rest, anchor and pose encoders; true positions
in place of predicted ones during the first half of training; the published weights of its losses.

What is not: the size (3.6 million trained parameters and a trunk for phones in place of 304 million of
DINOv2), the training (75 minutes of one thread in place of a day of eight GPUs), the data (ours, the same
that our networks learn from), no joint names, and no reference frame of known rotations besides the rest
pose, which no user's rig has. To its advantage it is told the lens and the vertical, works on the cut-out
subject, and gets a root translation, from the outline. So a figure of it says what this design reaches on the
budget that our networks had. It is no figure of the published weights.

``capture.py`` is what other benchmarks call: ``load(run)``, ``capture(given, network)``.
"""
