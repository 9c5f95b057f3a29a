//! Agents with editable memory, from a dictionary to MemGPT.
