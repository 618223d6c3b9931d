//! Predict in the menu of the modes.

use yew::prelude::*;

use super::menus::close_all;
use super::quiz::Quiz;
use crate::predict::Change;

/// Whether questions are asked, from which seed, and the score.
#[component]
pub(super) fn QuizSwitch() -> Html {
    let Some(quiz) = use_context::<Quiz>() else { return html! {} };
    let predict = &quiz.predict;
    let seed = quiz.change.reform(|event: InputEvent| {
        let value = event.target_unchecked_into::<web_sys::HtmlInputElement>().value();
        Change::Seed(value.parse().unwrap_or(0))
    });
    html! {
        <div class="export" role="group" aria-label="Predict">
            <button type="button" class="button" id="mode-predict" aria-pressed={predict.on.to_string()}
                onclick={quiz.change.reform(|_: MouseEvent| { let _ = close_all(); Change::Switch })}>{ "Predict: ask before each step" }</button>
            <label class="field" title="Everybody with the same number is asked the same questions.">{ "same questions for number" }
                <input type="text" inputmode="numeric" id="predict-seed" value={predict.seed.to_string()} oninput={seed} size="6" />
            </label>
            if predict.on { <span class="hint">{ predict.score() }</span> }
        </div>
    }
}
