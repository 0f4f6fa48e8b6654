//! Which forms of batches there were, and what was recorded for them.

use super::operands::Signature;

/// Steps of a form that are made before one is recorded: the first compile and tune, and lay out memory as no later one
/// does.
const WARM_UP: u32 = 3;
/// Forms of batches that are recorded; each holds memory for a whole step.
const FORMS: usize = 3;

/// Batches by their form: of every device, the signature of its share.
pub(super) struct Forms<R>(Vec<Form<R>>);

struct Form<R> {
    signatures: Vec<Signature>,
    state: State<R>,
}

enum State<R> {
    /// So many steps were made.
    Seen(u32),
    Recorded(R),
    /// It cannot be recorded.
    Refused,
}

/// How the next step is made.
pub(super) enum Turn<'a, R> {
    /// One operation at a time.
    Make,
    /// The same, and recorded for those that follow; as form of this number.
    Record(usize),
    /// By replaying one.
    Replay(&'a mut R),
}

impl<R> Forms<R> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// Counts a step of a batch, and says how it is made.
    pub(super) fn turn(&mut self, signatures: Vec<Signature>) -> Turn<'_, R> {
        let Some(form) = self.find(&signatures) else {
            if self.0.len() < FORMS {
                let state = State::Seen(1);
                self.0.push(Form { signatures, state });
            }
            return Turn::Make;
        };
        match &mut self.0[form].state {
            State::Refused => Turn::Make,
            State::Recorded(recording) => Turn::Replay(recording),
            State::Seen(steps) if *steps < WARM_UP => {
                *steps += 1;
                Turn::Make
            }
            State::Seen(_) => Turn::Record(form),
        }
    }

    /// Whether the next step of such a batch is recorded.
    pub(super) fn is_about_to_record(&self, signatures: &[Signature]) -> bool {
        let form = self.find(signatures);
        form.is_some_and(|form| matches!(self.0[form].state, State::Seen(WARM_UP)))
    }

    /// Whether there is a recorded step.
    pub(super) fn has_recorded(&self) -> bool {
        let mut states = self.0.iter().map(|form| &form.state);
        states.any(|state| matches!(state, State::Recorded(_)))
    }

    pub(super) fn keep(&mut self, form: usize, recording: R) {
        self.0[form].state = State::Recorded(recording);
        tracing::debug!(form, "step recorded");
    }

    /// Gives up on recording a form; this is what to tell people. Others are recorded anew when their turn comes: what they
    /// wrote to was given up together with the failed recording.
    pub(super) fn refuse(&mut self, form: usize, problem: &str) -> String {
        for other in &mut self.0 {
            if matches!(other.state, State::Recorded(_)) {
                other.state = State::Seen(WARM_UP);
            }
        }
        self.0[form].state = State::Refused;
        format!(
            "steps are made one operation at a time, since this one could not be recorded as a graph: {problem}"
        )
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn find(&self, signatures: &[Signature]) -> Option<usize> {
        self.0.iter().position(|form| form.signatures == signatures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(forms: &mut Forms<&str>, parts: usize) -> String {
        match forms.turn(vec![vec![Vec::new(); parts]]) {
            Turn::Make => "make".to_owned(),
            Turn::Record(form) => format!("record {form}"),
            Turn::Replay(recording) => (*recording).to_owned(),
        }
    }

    #[test]
    fn a_form_is_recorded_when_it_has_come_up_often_enough() {
        let mut forms = Forms::new();
        for _ in 0..WARM_UP {
            assert_eq!(turn(&mut forms, 1), "make");
        }
        assert!(forms.is_about_to_record(&[vec![Vec::new()]]));
        assert_eq!(turn(&mut forms, 2), "make");
        assert_eq!(turn(&mut forms, 1), "record 0");
        forms.keep(0, "replay");
        assert_eq!(turn(&mut forms, 1), "replay");
        assert!(forms.has_recorded());
    }

    #[test]
    fn after_a_failure_other_forms_are_recorded_anew() {
        let mut forms = Forms::new();
        for parts in [1, 2] {
            for _ in 0..WARM_UP {
                turn(&mut forms, parts);
            }
        }
        assert_eq!(turn(&mut forms, 1), "record 0");
        forms.keep(0, "replay");
        assert_eq!(turn(&mut forms, 2), "record 1");
        assert!(forms.refuse(1, "no room").contains("no room"));
        assert_eq!(turn(&mut forms, 2), "make");
        assert_eq!(turn(&mut forms, 1), "record 0");
    }
}
