//! Three programs that users of an earlier version wrote in 240, 119 and 214 lines, written again for this version:
//! operations from a command line, a library with its tests, and keys as code. (Two more are the examples
//! `build_script` and `tenants`.)

mod as_code;
mod library;
mod operations;
