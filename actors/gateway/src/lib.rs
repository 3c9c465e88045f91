//! The HTTP and WebSocket edges.
