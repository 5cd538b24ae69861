//! What agents can do and what calls need: skills with levels, rules over them, and how both are relaxed while a caller waits.

use dialplane_ivr::expr::{ExprError, Expression, Fault, Symbols, Type, Value};
use serde::{Deserialize, Serialize};

/// The highest level of a skill; the lowest is 1.
pub const LEVEL_MAX: u8 = 10;
/// The most skills of an agent, of a queue and of a call.
pub const SKILLS_MAX: usize = 50;
/// The most steps by which a queue relaxes what it needs.
pub const STEPS_MAX: usize = 10;

/// What an agent can do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentSkill {
    /// The skill, by a word such as `german`.
    pub name: String,
    /// How well: 1 to 10.
    #[serde(default = "highest")]
    pub level: u8,
}

const fn highest() -> u8 {
    LEVEL_MAX
}

/// What a call needs in its agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SkillNeed {
    /// The skill.
    pub name: String,
    /// The least level: 1 to 10.
    #[serde(default = "least")]
    pub level: u8,
    /// Whether nobody without it may take the call; else those who have it go first.
    #[serde(default = "required")]
    pub required: bool,
}

const fn least() -> u8 {
    1
}

const fn required() -> bool {
    true
}

impl SkillNeed {
    /// Whether a queue or a call can need these: names of 1 to 50 characters, none twice, levels of 1 to 10.
    #[must_use]
    pub fn are_sound(needs: &[Self]) -> bool {
        are_sound(needs.iter().map(|need| (need.name.as_str(), need.level)))
    }
}

/// What a queue needs once a caller has waited for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Relaxation {
    /// After how many seconds of waiting.
    pub after_seconds: u32,
    /// Whether what was needed before is replaced, or whoever fits this fits as well.
    #[serde(default)]
    pub mode: Mode,
    /// The skills needed from then on, in place of the queue's and the call's. None at all means everyone.
    #[serde(default)]
    pub skills: Vec<SkillNeed>,
    /// A rule as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// How a step goes with those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// From now on only this is needed.
    #[default]
    Replace,
    /// Whoever fits this may take the call, too.
    Cumulative,
}

/// A condition over the skills of an agent, such as `german >= 3 && (sales >= 5 || support >= 2)`: each name is the agent's level of
/// that skill, and 0 where they do not have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    expression: Expression,
    names: Vec<String>,
}

impl Rule {
    /// Compiles a rule.
    ///
    /// # Errors
    /// What is wrong with it, with its column.
    pub fn compile(text: &str) -> Result<Self, ExprError> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let mut symbols = Symbols::default();
            for name in &names {
                symbols.add(name.as_str(), Type::Number);
            }
            match Expression::compile(text, &symbols) {
                Ok(expression) if expression.kind().fits(Type::Bool) => return Ok(Self { expression, names }),
                // A number would hold for nobody.
                Ok(expression) => {
                    let fault = Fault::Expected { expected: "true or false", found: expression.kind().to_string() };
                    return Err(ExprError { column: 1, fault });
                }
                // Every name is a skill: an agent who has it not is at level 0. As many names as an expression has parts end this.
                Err(ExprError { fault: Fault::UnknownName(name), .. }) if !names.contains(&name) => names.push(name),
                Err(error) => return Err(error),
            }
        }
    }

    /// A rule that holds for nobody.
    #[must_use]
    pub fn never() -> Self {
        Self { expression: Expression::constant(false), names: Vec::new() }
    }

    /// The skills it speaks of.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether it holds, given the level of each skill it speaks of, in the order of [`Rule::names`]. A rule that cannot be computed
    /// does not hold.
    #[must_use]
    pub fn holds(&self, levels: &[Value]) -> bool {
        self.expression.test::<[Value]>(levels).unwrap_or(false)
    }

    /// Whether it holds for an agent.
    #[must_use]
    pub fn admits(&self, skills: &[AgentSkill]) -> bool {
        let level = |name: &String| skills.iter().find(|skill| skill.name == *name).map_or(0, |skill| skill.level);
        let levels: Vec<Value> = self.names.iter().map(|name| Value::Int(level(name).into())).collect();
        self.holds(&levels)
    }
}

/// Whether these can be the skills of an agent: names of 1 to 50 characters, none twice, levels of 1 to 10.
#[must_use]
pub(super) fn are_sound<'a>(skills: impl Iterator<Item = (&'a str, u8)>) -> bool {
    let mut names = Vec::new();
    for (name, level) in skills {
        let fits = !name.trim().is_empty() && name.chars().count() <= 50 && !name.chars().any(char::is_control);
        if !fits || !(1..=LEVEL_MAX).contains(&level) || names.contains(&name) || names.len() == SKILLS_MAX {
            return false;
        }
        names.push(name);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(skills: &[(&str, u8)]) -> Vec<AgentSkill> {
        skills.iter().map(|(name, level)| AgentSkill { name: (*name).to_owned(), level: *level }).collect()
    }

    #[test]
    fn a_rule_reads_levels_and_who_has_a_skill_not_is_at_nought() {
        let rule = Rule::compile("german >= 3 && (sales >= 5 || support > 0)").unwrap();
        assert_eq!(rule.names(), ["german", "sales", "support"]);
        assert!(rule.admits(&agent(&[("german", 3), ("support", 1)])));
        assert!(!rule.admits(&agent(&[("german", 2), ("support", 1)])));
        assert!(!rule.admits(&agent(&[("german", 9)])));
        assert!(!Rule::compile("1 / german > 0").unwrap().admits(&agent(&[])), "what cannot be computed does not hold");
        assert!(Rule::compile("vip == 0").unwrap().admits(&[]));
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_told_with_its_column() {
        assert_eq!(Rule::compile("german >= ").unwrap_err().column, 11);
        for number in ["1/0", "german", "'x'"] {
            assert!(Rule::compile(number).unwrap_err().to_string().contains("expected true or false"), "{number}");
        }
        assert!(Rule::compile("german == 'x'").unwrap_err().to_string().contains("cannot be compared"));
    }

    #[test]
    fn skills_have_a_name_of_their_own_and_a_level_in_range() {
        let sound = |skills: &[(&str, u8)]| are_sound(skills.iter().copied());
        assert!(sound(&[]) && sound(&[("german", 1), ("sales", 10)]));
        for bad in [&[("", 1)][..], &[("x", 0)], &[("x", 11)], &[("x", 1), ("x", 2)], &[("a\nb", 1)]] {
            assert!(!sound(bad), "{bad:?}");
        }
    }
}
