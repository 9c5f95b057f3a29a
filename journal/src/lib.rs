//! Day N entries with executed notebook outputs linked in.
