//! Which forms of batches there were, and what was recorded for them.

use super::operands::Signature;

/// Steps of a form that are made before one is recorded: the first compile and tune, and lay out memory as no later one
/// does.
const WARM_UP: u32 = 3;
/// Forms of batches that are recorded; each holds memory for a whole step.
const FORMS: usize = 3;
/// Forms of batches that are counted, so that rare ones, though they came first, do not take the place of frequent ones.
const COUNTED: usize = 64;
/// Attempts to record a form; see [`leave_room`](elapid_kernels::graph::leave_room) for why one may fail that succeeds later.
const ATTEMPTS: u32 = 3;

/// Batches by their form: of every device, the signature of its share.
pub(super) struct Forms<R>(Vec<Form<R>>);

struct Form<R> {
    signatures: Vec<Signature>,
    state: State<R>,
    /// Failed attempts to record it.
    failures: u32,
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
    /// The same, and recorded for those that follow.
    Record(Attempt),
    /// By replaying one.
    Replay(&'a mut R),
}

/// An attempt to record a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attempt {
    form: usize,
    /// From 0.
    pub(super) number: u32,
}

impl<R> Forms<R> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// Counts a step of a batch, and says how it is made.
    pub(super) fn turn(&mut self, signatures: Vec<Signature>) -> Turn<'_, R> {
        let has_room = self.has_room();
        let Some(form) = self.find(&signatures) else {
            if self.0.len() < COUNTED {
                self.0.push(Form {
                    signatures,
                    state: State::Seen(1),
                    failures: 0,
                });
            }
            return Turn::Make;
        };
        let number = self.0[form].failures;
        match &mut self.0[form].state {
            State::Refused => Turn::Make,
            State::Recorded(recording) => Turn::Replay(recording),
            State::Seen(steps) if *steps < WARM_UP => {
                *steps += 1;
                Turn::Make
            }
            State::Seen(_) if has_room => Turn::Record(Attempt { form, number }),
            State::Seen(_) => Turn::Make,
        }
    }

    /// Whether the next step of such a batch is recorded.
    pub(super) fn is_about_to_record(&self, signatures: &[Signature]) -> bool {
        let form = self.find(signatures);
        self.has_room()
            && form.is_some_and(|form| matches!(self.0[form].state, State::Seen(WARM_UP)))
    }

    /// Whether another form may be recorded.
    fn has_room(&self) -> bool {
        self.recorded() < FORMS
    }

    fn recorded(&self) -> usize {
        let states = self.0.iter().map(|form| &form.state);
        states
            .filter(|state| matches!(state, State::Recorded(_)))
            .count()
    }

    /// Whether there is a recorded step.
    pub(super) fn has_recorded(&self) -> bool {
        self.recorded() > 0
    }

    pub(super) fn keep(&mut self, attempt: Attempt, recording: R) {
        let Attempt { form, number } = attempt;
        self.0[form].state = State::Recorded(recording);
        tracing::debug!(form, number, "step recorded");
    }

    /// Notes that an attempt failed; after the last one this is what to tell people. Other forms are recorded anew when
    /// their turn comes: what they wrote to was given up together with the failed recording.
    pub(super) fn refuse(&mut self, attempt: Attempt, problem: &str) -> Option<String> {
        for other in &mut self.0 {
            if matches!(other.state, State::Recorded(_)) {
                other.state = State::Seen(WARM_UP);
            }
        }
        let form = &mut self.0[attempt.form];
        form.failures += 1;
        if form.failures < ATTEMPTS {
            tracing::debug!(
                form = attempt.form,
                problem,
                "step not recorded; tried again"
            );
            return None;
        }
        form.state = State::Refused;
        Some(format!(
            "steps are made one operation at a time, since this one could not be recorded as a graph: {problem}"
        ))
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
            Turn::Record(Attempt { form, number }) => format!("record {form}, {number}"),
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
        assert_eq!(turn(&mut forms, 1), "record 0, 0");
        forms.keep(Attempt { form: 0, number: 0 }, "replay");
        assert_eq!(turn(&mut forms, 1), "replay");
        assert!(forms.has_recorded());
    }

    #[test]
    fn rare_forms_keep_no_place() {
        let mut forms = Forms::new();
        for parts in 1..=FORMS + 1 {
            assert_eq!(turn(&mut forms, parts), "make");
        }
        for form in 1..=FORMS {
            for _ in 1..WARM_UP {
                assert_eq!(turn(&mut forms, form + 1), "make");
            }
            let record = format!("record {form}, 0");
            assert_eq!(turn(&mut forms, form + 1), record);
            forms.keep(Attempt { form, number: 0 }, "replay");
        }
        for _ in 0..=WARM_UP {
            assert_eq!(turn(&mut forms, 1), "make");
        }
        assert!(!forms.is_about_to_record(&[vec![Vec::new()]]));
    }

    #[test]
    fn after_a_failure_all_forms_are_recorded_anew() {
        let mut forms = Forms::new();
        for parts in [1, 2] {
            for _ in 0..WARM_UP {
                turn(&mut forms, parts);
            }
        }
        assert_eq!(turn(&mut forms, 1), "record 0, 0");
        forms.keep(Attempt { form: 0, number: 0 }, "replay");
        for number in 0..ATTEMPTS {
            assert_eq!(turn(&mut forms, 2), format!("record 1, {number}"));
            let said = forms.refuse(Attempt { form: 1, number }, "no room");
            assert_eq!(said.is_some(), number + 1 == ATTEMPTS);
        }
        assert_eq!(turn(&mut forms, 2), "make");
        assert_eq!(turn(&mut forms, 1), "record 0, 0");
    }
}
