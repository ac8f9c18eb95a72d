//! What counting needs to know of an event: found out once, for all users.

use std::sync::Arc;

use ruma::EventId;

use super::around::Around;
use crate::{
    error::Result,
    event::StoredEvent,
    ids::{EventNum, Position, UserNum},
    push::{PushEvent, Reaction},
    rooms::{
        Rooms,
        receipts::{MAIN, thread_of},
        rows::EventMeta,
        view::RoomView,
    },
    store::Snapshot,
    users::Attention,
};

/// Users whom an event may name before it is judged for each user alone.
const MAX_NAMED: usize = 50;

/// Whether an event counts, and with a highlight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::rooms) struct Heard {
    pub notify: bool,
    pub highlight: bool,
}

impl From<Option<&Reaction>> for Heard {
    fn from(reaction: Option<&Reaction>) -> Self {
        reaction.map_or(Self::default(), |reaction| Self { notify: reaction.notify, highlight: reaction.highlight })
    }
}

/// Whom an event names.
#[derive(Clone, Debug)]
enum Named {
    These(Box<[UserNum]>),
    /// More than are kept.
    Many,
}

/// What counting needs to know of an event.
#[derive(Clone, Debug)]
pub(in crate::rooms) struct Facts {
    pub position: Position,
    pub number: EventNum,
    pub sender: UserNum,
    /// Whether somebody says something with it: state events come about in many ways.
    pub speaks: bool,
    /// The thread's root; `None` for what is in no thread.
    pub thread: Option<Arc<str>>,
    /// What it is to everybody who has changed no rule and is not named.
    pub usual: Heard,
    /// Of a redaction in effect: where its target was published.
    pub redacts: Option<(EventNum, Position)>,
    /// Nothing is left of it to be heard.
    pub redacted: bool,
    named: Named,
}

impl Facts {
    /// Whether a user may be notified of it at all: not of what they said themselves, what is redacted, or what is said by
    /// somebody whom they ignore.
    pub fn may_notify(&self, attention: &Attention) -> bool {
        let ignored = self.speaks && attention.ignores(self.sender);
        self.sender != attention.user && !self.redacted && !ignored
    }

    /// Whether the event names the user, so that it has to be judged for them alone.
    pub fn names(&self, user: UserNum) -> bool {
        match &self.named {
            Named::These(users) => users.contains(&user),
            Named::Many => true,
        }
    }
}

impl Rooms {
    /// What a user's rules make of an event that is not redacted.
    pub(in crate::rooms) fn reaction<'a>(
        &self,
        view: &RoomView<'_, Snapshot<'_>>,
        attention: &'a Attention,
        number: EventNum,
    ) -> Result<Option<&'a Reaction>> {
        let event = self.push_event(view, number)?;
        let mut around = Around::new(*view, number, Some(&attention.user_id));
        attention.matcher().reaction(&event, &mut around)
    }

    /// The facts of a visible event.
    pub(in crate::rooms) fn facts(
        &self,
        view: &RoomView<'_, Snapshot<'_>>,
        number: EventNum,
        (meta, event): (&EventMeta, StoredEvent),
    ) -> Result<Facts> {
        let mut facts = Facts {
            position: meta.position,
            number,
            sender: meta.sender,
            speaks: false,
            thread: None,
            usual: Heard::default(),
            redacts: None,
            redacted: meta.redacted_by.is_some(),
            named: Named::These(Box::default()),
        };
        facts.speaks = event.state_key_json().is_none();
        if facts.redacted {
            return Ok(facts);
        }
        let room_id = view.read().store().room_id(view.room())?;
        let event = PushEvent::new(event, &room_id);
        if event.relation().is_some() {
            let thread = thread_of(view, number)?;
            facts.thread = (thread != MAIN).then(|| thread.into());
        }
        facts.redacts = redacted_target(view, number, &event)?;
        facts.named = self.named(&event)?;
        let mut around = Around::new(*view, number, None);
        facts.usual = self.unread.impersonal.reaction(&event, &mut around)?.into();
        Ok(facts)
    }

    fn named(&self, event: &PushEvent) -> Result<Named> {
        let names = event.names();
        if names.len() > MAX_NAMED {
            return Ok(Named::Many);
        }
        let mut users = Vec::with_capacity(names.len());
        for name in names {
            if let Ok(user) = <&ruma::UserId>::try_from(&*name) {
                users.extend(self.store.user_num(user)?);
            }
        }
        Ok(Named::These(users.into()))
    }
}

/// What a redaction redacts, if it is this one that took effect.
fn redacted_target(
    view: &RoomView<'_, Snapshot<'_>>,
    number: EventNum,
    event: &PushEvent,
) -> Result<Option<(EventNum, Position)>> {
    let Some(target) = event.stored().redacts_json() else { return Ok(None) };
    let target: Option<&str> = serde_json::from_slice(target).ok();
    let Some(target) = target.and_then(|target| <&EventId>::try_from(target).ok()) else { return Ok(None) };
    let Some(target) = view.find(target)? else { return Ok(None) };
    let meta = view.meta(target)?;
    Ok((meta.redacted_by == Some(number)).then_some((target, meta.position)))
}
