//! REST: JSON over HTTP/1.1, derived from the `google.api.http` rules of the descriptors.
