//! Any bytes, and any message.

use gateway::v1::convert::{framework, offer, resource, task};
use gateway::v1::wire::scheduler::{Call, Event};
use gateway::v1::wire::{WireMessage, executor, mesos};
use gateway::v1::{MediaType, decode, encode};
use proptest::prelude::*;
use prost_reflect::{
    Cardinality, DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value,
};

/// Choices out of a string of bytes; zeros when they are used up, so that it ends.
struct Dice<'a>(std::slice::Iter<'a, u8>);

impl Dice<'_> {
    fn roll(&mut self) -> u8 {
        self.0.next().copied().unwrap_or_default()
    }

    fn make<M: WireMessage>(&mut self) -> M {
        self.message(M::descriptor(), 0).transcode_to().expect("of its own descriptor")
    }

    fn wide(&mut self) -> u64 {
        u64::from_be_bytes(std::array::from_fn(|_| self.roll()))
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 8] = ["a", "", "é", "😀", "\n", "\"\\", "\u{0}", " /"];
        (0..self.roll() % 4).map(|_| PIECES[usize::from(self.roll() % 8)]).collect()
    }

    fn double(&mut self) -> f64 {
        match self.roll() % 8 {
            0 => f64::INFINITY,
            1 => f64::NEG_INFINITY,
            _ => f64::from(self.wide() as i32) / 1000.0,
        }
    }

    fn message(&mut self, descriptor: MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(descriptor.clone());
        for field in descriptor.fields() {
            let wanted = depth < 8 && self.roll() % 3 == 1;
            if wanted || field.cardinality() == Cardinality::Required {
                let value = self.field(&field, depth + 1);
                message.set_field(&field, value);
            }
        }
        message
    }

    fn field(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        let count = self.roll() % 3;
        match field.kind() {
            Kind::Message(entry) if field.is_map() => {
                let field = entry.map_entry_value_field();
                let entries =
                    (0..count).map(|_| (MapKey::String(self.text()), self.single(&field, depth)));
                Value::Map(entries.collect())
            }
            _ if field.is_list() => {
                Value::List((0..count).map(|_| self.single(field, depth)).collect())
            }
            _ => self.single(field, depth),
        }
    }

    fn single(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        match field.kind() {
            Kind::Message(kind) => Value::Message(self.message(kind, depth)),
            Kind::Enum(kind) => {
                let at = usize::from(self.roll()) % kind.values().len();
                Value::EnumNumber(kind.values().nth(at).expect("at is below the length").number())
            }
            Kind::String => Value::String(self.text()),
            Kind::Bytes => Value::Bytes(self.wide().to_be_bytes().to_vec().into()),
            Kind::Bool => Value::Bool(self.roll() % 2 == 1),
            Kind::Double => Value::F64(self.double()),
            Kind::Int32 => Value::I32(self.wide() as i32),
            Kind::Uint32 => Value::U32(self.wide() as u32),
            Kind::Int64 => Value::I64(self.wide() as i64),
            Kind::Uint64 => Value::U64(self.wide()),
            other => panic!("the API has no {other:?}"),
        }
    }
}

fn survives_a_round_trip<M: WireMessage>(choices: &[u8]) {
    let generated = Dice(choices.iter()).message(M::descriptor(), 0);
    let message: M = generated.transcode_to().expect("of its own descriptor");
    let json = encode(MediaType::Json, &message);
    assert!(json.iter().all(|byte| byte.is_ascii() && *byte != b'\n'));
    let from_json: M = decode(MediaType::Json, &json).expect("own JSON");
    assert_eq!(from_json, message);
    let protobuf = encode(MediaType::Protobuf, &from_json);
    let from_protobuf: M = decode(MediaType::Protobuf, &protobuf).expect("own protobuf");
    assert_eq!(from_protobuf, message);
    assert_eq!(encode(MediaType::Json, &from_protobuf), json);
}

fn choices() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..2000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_message_is_the_same_through_both_encodings(choices in choices()) {
        survives_a_round_trip::<Call>(&choices);
        survives_a_round_trip::<Event>(&choices);
        survives_a_round_trip::<executor::Call>(&choices);
        survives_a_round_trip::<executor::Event>(&choices);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode::<Call>(MediaType::Json, &bytes);
        let _ = decode::<Call>(MediaType::Protobuf, &bytes);
    }

    #[test]
    fn no_message_makes_a_conversion_panic(choices in choices()) {
        let mut dice = Dice(choices.iter());
        let info: mesos::FrameworkInfo = dice.make();
        let _ = framework::info_from(&info);
        let _ = framework::filters_from(Some(&dice.make()));
        let _ = task::info_from(&dice.make());
        let resources: Vec<mesos::Resource> = (0..8).map(|_| dice.make()).collect();
        let _ = resource::bag_from(&resources, "resources");
        let _ = offer::operations_from(&[dice.make(), dice.make()]);
    }

    #[test]
    fn no_damage_makes_a_decoder_panic(choices in choices(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let message: Call = Dice(choices.iter()).message(Call::descriptor(), 0).transcode_to().expect("of its own descriptor");
        for media in [MediaType::Json, MediaType::Protobuf] {
            let mut bytes = encode(media, &message);
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = decode::<Call>(media, &bytes);
        }
    }
}
