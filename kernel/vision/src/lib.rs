//! Convolutional networks on dfdx, and pictures of what they see.
