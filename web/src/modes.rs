//! The page's modes; pure.

/// The modes in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// For a projector.
    pub presenter: bool,
    /// Two machines side by side.
    pub compare: bool,
    /// Inside another page.
    pub embed: bool,
}

/// What can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Big letters, speaker notes and a clicker's keys.
    Presenter,
    /// Two machines.
    Compare,
}

impl Modes {
    /// Those that the address asks for: its fragment may hold `embed=1`, beside what else it says.
    #[must_use]
    pub fn of_fragment(fragment: &str) -> Self {
        let embed = fragment.trim_start_matches('#').split('&').any(|part| part == "embed=1");
        Self { embed, ..Self::default() }
    }

    /// The modes after this.
    #[must_use]
    pub const fn after(self, switch: Switch) -> Self {
        match switch {
            Switch::Presenter => Self { presenter: !self.presenter, ..self },
            Switch::Compare => Self { compare: !self.compare, ..self },
        }
    }

    /// The words by which the style sheet knows them.
    #[must_use]
    pub fn names(self) -> String {
        let all = [(self.presenter, "presenter"), (self.compare, "compare"), (self.embed, "embed")];
        all.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect::<Vec<_>>().join(" ")
    }
}

/// The fragment without what asks for a mode: what else it says.
#[must_use]
pub fn without_modes(fragment: &str) -> String {
    let rest = fragment.trim_start_matches('#').split('&').filter(|part| *part != "embed=1");
    rest.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_asks_to_be_embedded_beside_what_else_it_says() {
        for fragment in ["#embed=1", "#embed=1&s1.abc", "#scenario=lazy-sbrk.json&embed=1"] {
            assert!(Modes::of_fragment(fragment).embed, "{fragment}");
        }
        for fragment in ["", "#", "#embed=0", "#xembed=1", "#s1.embed=1x"] {
            assert!(!Modes::of_fragment(fragment).embed, "{fragment}");
        }
        assert_eq!(without_modes("#embed=1&s1.abc"), "s1.abc");
        assert_eq!(without_modes("#scenario=a.json&embed=1"), "scenario=a.json");
    }

    #[test]
    fn a_switch_switches_back() {
        let modes = Modes::default().after(Switch::Presenter).after(Switch::Compare);
        assert_eq!(modes.names(), "presenter compare");
        assert_eq!(modes.after(Switch::Compare).after(Switch::Presenter), Modes::default());
    }
}
