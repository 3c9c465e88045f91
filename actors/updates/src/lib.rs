//! Status updates until they are acknowledged.
