//! What is drawn. Components read the model and ask for things; they decide nothing.

mod about;
mod answer;
mod app;
mod console;
mod desk;
mod events;
mod facts;
mod fault_card;
mod flags;
mod frames;
mod header;
mod help;
mod keys;
mod link;
mod notice;
mod now;
mod pane;
mod processes;
mod site;
mod space;
mod step_button;
mod storage;
mod term;
mod theme;
mod timeline;
mod transport;
mod tree;
mod walk;

pub use app::App;
