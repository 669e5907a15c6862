//! What a tool with a defect would do: stands between kiln and the cloud, and has calls made or understood otherwise.
//!
//! kiln itself stays as it ships. A forgotten call is one that is answered and not carried out, a misreading is an answer
//! that is rewritten, and a step too many is a call more.

use jiff::Timestamp;
use localcloud::model::view::GroupView;
use localcloud::model::{Model, Service as Api};
use localcloud::physics::World;
use localcloud::wire::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::roll::call;

/// Carries out what kiln calls.
pub type Habit = Box<dyn FnMut(Call<'_>) -> HttpResponse + Send>;

/// A call that is about to be carried out.
pub struct Call<'a> {
    /// Of which process.
    pub process: u64,
    pub action: &'a str,
    pub request: HttpRequest,
    pub world: &'a mut World,
    pub now: Timestamp,
    /// Whether the process learns where traffic is led.
    pub looks: &'a mut bool,
}

impl Call<'_> {
    /// Carries it out as it is.
    pub fn go(self) -> HttpResponse {
        self.world.answer(&self.request, self.now)
    }

    /// Answers as if it had been carried out.
    pub fn forget(self) -> HttpResponse {
        let model = &mut self.world.model.clone();
        localcloud::wire::answer(model, &self.request, self.now).0
    }

    /// Answers from what was before, as if nobody asked.
    pub fn recall(self, before: &Model) -> HttpResponse {
        *self.looks = false;
        localcloud::wire::answer(&mut before.clone(), &self.request, self.now).0
    }

    /// Carries it out, and has the answer understood otherwise.
    pub fn misread(self, read: impl FnOnce(String) -> String) -> HttpResponse {
        self.take_for(|body| read(String::from_utf8(body).unwrap()).into_bytes())
    }

    /// The same where the answer is no text.
    pub fn take_for(self, read: impl FnOnce(Vec<u8>) -> Vec<u8>) -> HttpResponse {
        let answer = self.go();
        HttpResponse {
            body: read(answer.body),
            ..answer
        }
    }

    /// Carries it out with other parameters.
    pub fn reword(mut self, word: impl FnOnce(String) -> String) -> HttpResponse {
        let text = String::from_utf8(self.request.body).unwrap();
        self.request.body = word(text).into_bytes();
        self.go()
    }

    /// Makes another call, of which nobody hears.
    pub fn also(&mut self, api: Api, action: &str, given: &Value) {
        call(self.world, self.now, api, action, given);
    }

    /// The Auto Scaling group that it names.
    pub fn group(&self) -> Option<GroupView> {
        let name = self.says("AutoScalingGroupName")?;
        let mut groups = self.world.model.view_groups().into_iter();
        groups.find(|group| group.name == name)
    }

    /// A parameter, as it stands on the wire.
    pub fn says(&self, name: &str) -> Option<String> {
        let text = std::str::from_utf8(&self.request.body).ok()?;
        let mut fields = text.split('&').filter_map(|field| field.split_once('='));
        let (_, value) = fields.find(|(key, _)| *key == name)?;
        Some(value.to_owned())
    }

    /// Whether its parameters name `text`, as it stands on the wire.
    pub fn names(&self, text: &str) -> bool {
        String::from_utf8_lossy(&self.request.body).contains(text)
    }
}
