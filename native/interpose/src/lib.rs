//! What every library needs that stands in front of a program's malloc: the functions behind it ([`next`]), when they are
//! looked for ([`beginning`]), memory until then ([`boot`]), two words of each thread ([`tls`]), and questions to the system that allocate nothing.
#![no_std]

pub mod beginning;
pub mod boot;
pub mod file;
pub mod next;
pub mod objects;
pub mod path;
pub mod surroundings;
pub mod sys;
pub mod tls;
