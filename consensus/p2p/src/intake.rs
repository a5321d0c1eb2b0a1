//! Puts received frames together to messages, within the limits of each channel.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use crate::config::MESSAGE_OVERHEAD;
use crate::frame::{Frame, Status};
use crate::{Channel, Violation};

/// A whole message, request or answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// Nobody waits for an answer.
    Message {
        /// Channel.
        channel: u8,
        /// All its bytes.
        bytes: Bytes,
    },
    /// The peer waits for an answer.
    Request {
        /// Channel.
        channel: u8,
        /// Its number.
        id: u64,
        /// All its bytes.
        bytes: Bytes,
    },
    /// The peer's answer.
    Response {
        /// Number of the request.
        id: u64,
        /// Whether it was answered.
        status: Status,
        /// The answer.
        bytes: Bytes,
    },
}

/// What is known here about the channel and number of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Somebody waits for it.
    Waiting,
    /// The request was made, but nobody waits any more: the answer's bytes are not kept.
    GivenUp,
    /// No such request was made.
    Never,
}

/// Receiving half of a connection, without I/O: reassembly, message limits and windows.
///
/// # Security
/// Holds at most one message (or request) and one answer under construction for each channel, and grows with the
/// bytes that arrived, not with the length announced.
#[derive(Debug)]
pub struct Intake {
    lanes: BTreeMap<u8, Lane>,
}

#[derive(Debug)]
struct Lane {
    max_message: usize,
    window: usize,
    /// What the peer may still send.
    room: usize,
    /// Taken by the handler, not yet told to the peer.
    untold: usize,
    /// Credit is told when this much has gathered: rarely, but before a sender of long messages gets stuck.
    tell_at: usize,
    message: Option<Partial<Option<u64>>>,
    answer: Option<Partial<(u64, Status, bool)>>,
}

#[derive(Debug)]
struct Partial<T> {
    what: T,
    total: usize,
    /// Bytes that arrived so far, also when they are not kept.
    got: usize,
    data: BytesMut,
}

impl<T> Partial<T> {
    fn begin(what: T, total: usize) -> Self {
        Self { what, total, got: 0, data: BytesMut::new() }
    }

    fn add(&mut self, part: &[u8], keep: bool) -> Result<bool, Violation> {
        self.got = self.got.saturating_add(part.len());
        if self.got > self.total {
            return Err(Violation::Unexpected("overlong continuation"));
        }
        if keep {
            self.data.extend_from_slice(part);
        }
        Ok(self.got == self.total)
    }
}

/// Bytes that a message counts in queues and windows.
pub(crate) fn cost(length: usize) -> usize {
    length + MESSAGE_OVERHEAD
}

impl Intake {
    /// For the channels declared by the owner.
    pub fn new(channels: &[Channel]) -> Self {
        let lane = |channel: &Channel| Lane {
            max_message: channel.max_message,
            window: channel.window,
            room: channel.window,
            untold: 0,
            tell_at: (channel.window / 4).min(channel.window.saturating_sub(cost(channel.max_message))).max(1),
            message: None,
            answer: None,
        };
        Self { lanes: channels.iter().map(|channel| (channel.id, lane(channel))).collect() }
    }

    /// Takes one frame that carries (part of) a message; gives the message that it completes.
    ///
    /// # Errors
    /// [`Violation`]; nothing more may be taken after it.
    pub fn accept(
        &mut self,
        frame: &Frame<'_>,
        asked: impl FnOnce(u8, u64) -> Asked,
    ) -> Result<Option<Inbound>, Violation> {
        match *frame {
            Frame::Message { channel, total, part } => self.begin(channel, None, total, part),
            Frame::Request { channel, id, total, part } => self.begin(channel, Some(id), total, part),
            Frame::More { channel, part } => {
                let lane = self.lane(channel)?;
                if lane.message.is_none() {
                    return Err(Violation::Unexpected("continuation"));
                }
                lane.take_message(channel, part, part.len())
            }
            Frame::Response { channel, id, status, total, part } => {
                let known = asked(channel, id);
                let lane = self.lane(channel)?;
                let total = lane.check(channel, total)?;
                if known == Asked::Never {
                    return Err(Violation::Answer);
                }
                if lane.answer.is_some() {
                    return Err(Violation::Unexpected("answer"));
                }
                lane.answer = Some(Partial::begin((id, status, known == Asked::Waiting), total));
                lane.take_answer(part)
            }
            Frame::MoreResponse { channel, part } => self.lane(channel)?.take_answer(part),
            _ => Err(Violation::Unexpected("control")),
        }
    }

    /// Bytes of memory that messages and answers under construction take: at most twice what arrived of them, and some.
    pub fn held(&self) -> usize {
        let message = |lane: &Lane| lane.message.as_ref().map_or(0, |partial| partial.data.capacity());
        let answer = |lane: &Lane| lane.answer.as_ref().map_or(0, |partial| partial.data.capacity());
        self.lanes.values().map(|lane| message(lane) + answer(lane)).sum()
    }

    fn lane(&mut self, channel: u8) -> Result<&mut Lane, Violation> {
        self.lanes.get_mut(&channel).ok_or(Violation::UnknownChannel(channel))
    }

    fn begin(
        &mut self,
        channel: u8,
        request: Option<u64>,
        total: u32,
        part: &[u8],
    ) -> Result<Option<Inbound>, Violation> {
        let lane = self.lane(channel)?;
        let total = lane.check(channel, total)?;
        if lane.message.is_some() {
            return Err(Violation::Unexpected("message"));
        }
        lane.message = Some(Partial::begin(request, total));
        lane.take_message(channel, part, cost(part.len()))
    }

    /// The handler took a message of `length` bytes: gives the credit to tell the peer now, if any.
    pub fn taken(&mut self, channel: u8, length: usize) -> Option<u32> {
        let lane = self.lanes.get_mut(&channel)?;
        lane.untold += cost(length);
        if lane.untold < lane.tell_at {
            return None;
        }
        let credit = core::mem::take(&mut lane.untold);
        lane.room += credit;
        debug_assert!(lane.room <= lane.window, "credit for what never arrived");
        u32::try_from(credit).ok()
    }
}

impl Lane {
    fn check(&self, channel: u8, total: u32) -> Result<usize, Violation> {
        let size = total as usize;
        if size > self.max_message {
            return Err(Violation::TooLarge { channel, size, max: self.max_message });
        }
        Ok(size)
    }

    fn take_message(&mut self, channel: u8, part: &[u8], cost: usize) -> Result<Option<Inbound>, Violation> {
        self.room = self.room.checked_sub(cost).ok_or(Violation::Window(channel))?;
        let Some(mut message) = self.message.take() else { return Ok(None) };
        if !message.add(part, true)? {
            self.message = Some(message);
            return Ok(None);
        }
        let bytes = message.data.freeze();
        Ok(Some(match message.what {
            None => Inbound::Message { channel, bytes },
            Some(id) => Inbound::Request { channel, id, bytes },
        }))
    }

    fn take_answer(&mut self, part: &[u8]) -> Result<Option<Inbound>, Violation> {
        let mut answer = self.answer.take().ok_or(Violation::Unexpected("answer continuation"))?;
        let (id, status, keep) = answer.what;
        if !answer.add(part, keep)? {
            self.answer = Some(answer);
            return Ok(None);
        }
        Ok(keep.then(|| Inbound::Response { id, status, bytes: answer.data.freeze() }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::decode;

    const SMALL: Channel = Channel { id: 1, priority: 1, max_message: 10, queue: 100, window: 200 };

    fn message(part: &[u8], total: u32) -> Frame<'_> {
        Frame::Message { channel: 1, total, part }
    }

    fn take(intake: &mut Intake, frame: Frame<'_>) -> Result<Option<Inbound>, Violation> {
        intake
            .accept(&frame, |_, id| [Asked::Waiting, Asked::GivenUp].get(id as usize).copied().unwrap_or(Asked::Never))
    }

    #[test]
    fn parts_become_a_message_and_answers_pass_between_them() {
        let mut intake = Intake::new(&[SMALL]);
        assert_eq!(intake.held(), 0);
        assert_eq!(take(&mut intake, message(b"abc", 6)), Ok(None));
        assert!(intake.held() >= 3);
        let answer = Frame::Response { channel: 1, id: 0, status: Status::Answer, total: 2, part: b"x" };
        assert_eq!(take(&mut intake, answer), Ok(None));
        let whole = Inbound::Message { channel: 1, bytes: Bytes::from_static(b"abcdef") };
        assert_eq!(take(&mut intake, Frame::More { channel: 1, part: b"def" }), Ok(Some(whole)));
        let whole = Inbound::Response { id: 0, status: Status::Answer, bytes: Bytes::from_static(b"xy") };
        assert_eq!(take(&mut intake, Frame::MoreResponse { channel: 1, part: b"y" }), Ok(Some(whole)));
        assert_eq!(intake.held(), 0);
        let empty = Frame::Request { channel: 1, id: 0, total: 0, part: b"" };
        assert_eq!(take(&mut intake, empty), Ok(Some(Inbound::Request { channel: 1, id: 0, bytes: Bytes::new() })));
    }

    #[test]
    fn an_answer_nobody_waits_for_is_read_over() {
        let mut intake = Intake::new(&[SMALL]);
        let late = Frame::Response { channel: 1, id: 1, status: Status::Answer, total: 2, part: b"x" };
        assert_eq!(take(&mut intake, late), Ok(None));
        assert!(intake.lanes[&1].answer.as_ref().is_some_and(|partial| partial.data.capacity() == 0));
        assert_eq!(take(&mut intake, Frame::MoreResponse { channel: 1, part: b"y" }), Ok(None));
        assert!(intake.lanes[&1].answer.is_none());
    }

    #[test]
    fn each_broken_rule_has_its_violation() {
        let response = |id, total| Frame::Response { channel: 1, id, status: Status::Answer, total, part: b"x" };
        let large = Violation::TooLarge { channel: 1, size: 11, max: 10 };
        for (frames, violation) in [
            (vec![message(b"a", 11)], large.clone()),
            (vec![message(b"a", u32::MAX)], Violation::TooLarge { channel: 1, size: u32::MAX as usize, max: 10 }),
            (vec![response(0, 11)], large),
            (vec![Frame::Message { channel: 2, total: 1, part: b"a" }], Violation::UnknownChannel(2)),
            (vec![Frame::More { channel: 2, part: b"a" }], Violation::UnknownChannel(2)),
            (vec![Frame::More { channel: 1, part: b"a" }], Violation::Unexpected("continuation")),
            (vec![message(b"a", 2), message(b"a", 2)], Violation::Unexpected("message")),
            (
                vec![message(b"a", 2), Frame::More { channel: 1, part: b"ab" }],
                Violation::Unexpected("overlong continuation"),
            ),
            (vec![response(2, 1)], Violation::Answer),
            (vec![response(0, 2), response(0, 2)], Violation::Unexpected("answer")),
            (vec![Frame::MoreResponse { channel: 1, part: b"a" }], Violation::Unexpected("answer continuation")),
            (vec![Frame::Ready], Violation::Unexpected("control")),
        ] {
            let mut intake = Intake::new(&[SMALL]);
            let (last, before) = frames.split_last().expect("not empty");
            for frame in before {
                assert_eq!(take(&mut intake, *frame), Ok(None));
            }
            assert_eq!(take(&mut intake, *last), Err(violation));
        }
    }

    #[test]
    fn the_window_ends_exactly_where_it_was_announced() {
        // 200 = 3 empty messages of 64 and 8 bytes.
        let mut intake = Intake::new(&[SMALL]);
        for _ in 0..3 {
            assert!(matches!(take(&mut intake, message(b"", 0)), Ok(Some(_))));
        }
        assert_eq!(take(&mut intake, message(b"", 0)), Err(Violation::Window(1)));

        let mut intake = Intake::new(&[SMALL]);
        for _ in 0..3 {
            assert!(matches!(take(&mut intake, message(b"", 0)), Ok(Some(_))));
        }
        // A quarter of the window is 50 bytes, less than one message: each is told at once.
        assert_eq!(intake.taken(1, 0), Some(64));
        assert!(matches!(take(&mut intake, message(b"12345678", 8)), Ok(Some(_))));
        assert_eq!(take(&mut intake, message(b"", 0)), Err(Violation::Window(1)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_intake_panic_or_keep_more_than_the_limits(
            frames in proptest::collection::vec(
                (prop_oneof![0x10u8..0x13, 0x20u8..0x22], 0u8..3, proptest::collection::vec(any::<u8>(), 1..24)), 0..40),
        ) {
            let mut intake = Intake::new(&[SMALL, Channel { id: 2, ..SMALL }]);
            for (kind, channel, payload) in frames {
                let mut bytes = vec![kind, channel, 0, payload.len() as u8];
                // Small totals, so that some messages are valid.
                bytes.extend(payload.iter().map(|byte| if *byte < 0xf0 { byte % 8 * (byte % 3 / 2) } else { *byte }));
                let Ok(Some((frame, _))) = decode(&bytes) else { continue };
                if intake.accept(&frame, |_, id| if id < 9 { Asked::Waiting } else { Asked::Never }).is_err() {
                    break;
                }
                for lane in intake.lanes.values() {
                    prop_assert!(lane.message.as_ref().is_none_or(|partial| partial.data.len() < 10));
                    prop_assert!(lane.answer.as_ref().is_none_or(|partial| partial.data.len() < 10));
                }
            }
        }
    }
}
