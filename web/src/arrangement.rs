//! How the panes stand: which are folded, which show their table, which one fills the page.

use std::collections::BTreeSet;

/// A pane: the id of its region, its title, and how it stands at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaneKind {
    /// The id.
    pub id: &'static str,
    /// The title.
    pub title: &'static str,
    /// Whether it is open until somebody folds it.
    pub open: bool,
}

const fn pane(id: &'static str, title: &'static str, open: bool) -> PaneKind {
    PaneKind { id, title, open }
}

/// Every pane, in the order in which they are read.
pub const PANES: [PaneKind; 14] = [
    pane("tour", "What happens", true),
    pane("fault-card", "Page fault", true),
    pane("events", "Events", true),
    pane("source", "Source and instructions", false),
    pane("address-space", "Address space", true),
    pane("page-table", "Page table", true),
    pane("frames", "Physical frames", true),
    pane("eviction", "Eviction", false),
    pane("tlb", "TLB (modelled)", false),
    pane("console", "Console", true),
    pane("processes", "Processes and registers", true),
    pane("plots", "Memory over time", false),
    pane("policies", "Faults and frames", false),
    pane("about", "About this run", true),
];

/// How a pane shows what it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Showing {
    /// Only its title.
    Folded,
    /// As a picture.
    Picture,
    /// As a table.
    Table,
}

/// How the panes stand. Panes that are not known are ignored, so an old arrangement fits a new page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrangement {
    /// Panes that stand against how they stand at first.
    flipped: BTreeSet<&'static str>,
    /// Panes that show their table.
    tables: BTreeSet<&'static str>,
    /// The pane that fills the page.
    maximised: Option<&'static str>,
}

/// A change of the arrangement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Folds a pane, or opens it.
    Fold(&'static str),
    /// Opens a pane.
    Open(&'static str),
    /// Shows a pane's table, or its picture.
    Table(&'static str),
    /// Fills the page with a pane, or gives it back its place.
    Maximise(&'static str),
    /// Gives the pane that fills the page back its place.
    Restore,
    /// Everything like this.
    All(Box<Arrangement>),
}

impl Arrangement {
    /// The arrangement of a screen that has a third column, where there is room below what stands there.
    #[must_use]
    pub fn roomy() -> Self {
        Self::default().after(Change::Open("plots"))
    }

    /// The arrangement after the change.
    #[must_use]
    pub fn after(mut self, change: Change) -> Self {
        match change {
            Change::Fold(id) => flip(&mut self.flipped, id),
            Change::Open(id) if !self.is_open(id) => flip(&mut self.flipped, id),
            Change::Open(_) => {}
            Change::Table(id) => flip(&mut self.tables, id),
            Change::Maximise(id) => self.maximised = (self.maximised != Some(id)).then_some(id),
            Change::Restore => self.maximised = None,
            Change::All(all) => self = *all,
        }
        self
    }

    /// How a pane shows what it knows.
    #[must_use]
    pub fn showing(&self, id: &str) -> Showing {
        let hidden = self.maximised.is_some_and(|maximised| maximised != id);
        let open = self.is_open(id) || self.maximised == Some(id);
        match (hidden || !open, self.tables.contains(id)) {
            (true, _) => Showing::Folded,
            (false, true) => Showing::Table,
            (false, false) => Showing::Picture,
        }
    }

    /// The pane that fills the page.
    #[must_use]
    pub fn maximised(&self) -> Option<&'static str> {
        self.maximised
    }

    fn is_open(&self, id: &str) -> bool {
        let at_first = PANES.iter().any(|pane| pane.id == id && pane.open);
        at_first != self.flipped.contains(id)
    }

    /// The arrangement as a line of text, to be remembered.
    #[must_use]
    pub fn to_text(&self) -> String {
        let ids = |set: &BTreeSet<&'static str>| set.iter().copied().collect::<Vec<_>>().join(",");
        format!("{};{};{}", ids(&self.flipped), ids(&self.tables), self.maximised.unwrap_or_default())
    }

    /// The arrangement in a line of text, as far as it is understood.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let mut parts = text.split(';');
        let mut ids =
            || parts.next().unwrap_or_default().split(',').filter_map(known).collect::<BTreeSet<_>>();
        let (flipped, tables, maximised) = (ids(), ids(), ids());
        Self { flipped, tables, maximised: maximised.first().copied() }
    }
}

fn known(id: &str) -> Option<&'static str> {
    PANES.iter().map(|pane| pane.id).find(|&known| known == id)
}

fn flip(set: &mut BTreeSet<&'static str>, id: &'static str) {
    if !set.remove(id) {
        set.insert(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pane_folds_and_opens() {
        let folded = Arrangement::default().after(Change::Fold("frames"));
        assert_eq!(folded.showing("frames"), Showing::Folded);
        assert_eq!(folded.clone().after(Change::Open("frames")).showing("frames"), Showing::Picture);
        assert_eq!(folded.after(Change::Fold("frames")), Arrangement::default());
        assert_eq!(Arrangement::default().showing("tlb"), Showing::Folded, "not everybody needs it at first");
    }

    #[test]
    fn the_pane_that_fills_the_page_is_open_and_the_others_are_not_drawn() {
        let max = Arrangement::default().after(Change::Maximise("tlb"));
        assert_eq!(max.showing("tlb"), Showing::Picture);
        assert_eq!(max.showing("frames"), Showing::Folded);
        assert_eq!(max.clone().after(Change::Restore), Arrangement::default());
        assert_eq!(max.after(Change::Maximise("tlb")), Arrangement::default());
    }

    #[test]
    fn an_arrangement_is_remembered_and_nonsense_is_ignored() {
        let changes = [Change::Fold("events"), Change::Table("frames"), Change::Maximise("plots")];
        let arranged = changes.into_iter().fold(Arrangement::default(), Arrangement::after);
        assert_eq!(Arrangement::from_text(&arranged.to_text()), arranged);
        for nonsense in ["", ";;;;", "no-such-pane;<b>;,", "\u{0};"] {
            assert_eq!(Arrangement::from_text(nonsense), Arrangement::default(), "{nonsense:?}");
        }
    }

    #[test]
    fn ids_are_distinct() {
        let ids: BTreeSet<_> = PANES.iter().map(|pane| pane.id).collect();
        assert_eq!(ids.len(), PANES.len());
    }
}
