//! What is not believed without proof, in courses that are too long to be found by trying all.

use super::model::{Entry, Event, Model, NEVER, exposed};
use super::operations::{ANOTHER_VALUE, DOCS, VALUE};
use crate::client::KeysClient;
use crate::error::Error;
use crate::http::{AttemptError, Deadlines, Request, RequestSender, ResponseBody};
use crate::key::KeyId;
use crate::node::Node;
use crate::requests::CreateKey;

const SEARCH: &str = "documents:search";
/// Begins as [`VALUE`] does.
const ALIKE: &str = "abcd-of-another-process";

fn key(id: u32, value: &str) -> Entry {
    Entry {
        id,
        value: value.to_owned(),
        description: "docs".to_owned(),
        actions: format!(r#"["{SEARCH}"]"#),
        collections: DOCS.to_owned(),
        expires_at: NEVER,
        is_listed: true,
    }
}

fn create(client: &KeysClient) -> CreateKey {
    client.create().description("docs").actions([SEARCH]).collections(["docs"])
}

fn value_of(model: &Model, id: KeyId) -> Option<String> {
    model.state().keys.iter().find(|key| KeyId::from(key.id) == id).map(|key| key.value.clone())
}

/// The server is restored, and another process creates its key, which gets the id of the first.
#[test]
fn key_with_the_id_and_the_beginning_of_a_provided_value_is_not_taken_for_the_created_one() {
    let model = Model::new(&[], &[]);
    let prepared = create(&model.client()).value(VALUE).prepare().unwrap();
    let first = prepared.send().unwrap();
    assert_eq!(prepared.send().unwrap().id, first.id);
    model.state().keys = vec![key(0, ALIKE)];
    let second = prepared.send().unwrap();
    assert_eq!(value_of(&model, second.id).as_deref(), Some(VALUE));
    // Now two keys begin so.
    let error = prepared.send().unwrap_err();
    assert_eq!(exposed(error.value()).as_deref(), Some(VALUE));
}

#[test]
fn old_key_is_not_replaced_by_a_key_that_only_begins_as_the_provided_value() {
    let old = [key(0, ANOTHER_VALUE)];
    let model = Model::new(&old, &[]);
    let rotation = model.client().rotate(0).value(VALUE).prepare().unwrap();
    rotation.send().unwrap();
    model.state().keys = [&old[..], &[key(1, ALIKE)]].concat();
    let new = rotation.send().unwrap();
    let values = [KeyId::from(0), KeyId::from(1), new.id].map(|id| value_of(&model, id));
    assert_eq!(values.each_ref().map(Option::as_deref), [None, Some(ALIKE), Some(VALUE)]);
}

/// A model in which somebody else acts from a request on, which is counted from 0.
struct Meanwhile(Model, usize, fn(&mut Vec<Entry>));

impl RequestSender for Meanwhile {
    fn send(
        &self,
        node: &Node,
        request: Request<'_>,
        deadlines: Deadlines,
    ) -> Result<Box<dyn ResponseBody>, AttemptError> {
        let Self(model, from, act) = self;
        let mut state = model.state();
        if state.requests >= *from {
            act(&mut state.keys);
        }
        drop(state);
        model.send(node, request, deadlines)
    }
}

/// The request to delete the created key is lost, and from then on, only a node responds that does not know the key yet.
#[test]
fn created_key_that_a_lagging_node_does_not_have_is_not_taken_for_deleted() {
    for (collections, reads) in [(DOCS, 5), (r#"["blog"]"#, 4)] {
        let other = Entry { collections: collections.to_owned(), is_listed: false, ..key(0, ANOTHER_VALUE) };
        let lagging = [Event::Lagging; 60];
        let events = [&[Event::Normal; 5][..reads], &[Event::LostBefore], &lagging].concat();
        let model = Model::new(&[other], &events);
        // Another run's key is in the second list, but not in the first.
        let list = |keys: &mut Vec<Entry>| keys.iter_mut().for_each(|key| key.is_listed = true);
        let client = model.client_by(Meanwhile(model.clone(), 1, list));
        let error = client.ensure("docs").actions([SEARCH]).collections(["docs"]).send().unwrap_err();
        assert!(error.may_have_acted(), "{error}");
        assert_eq!(exposed(error.value()), value_of(&model, KeyId::from(1)), "{error}");
    }
}

#[test]
fn new_key_that_a_lagging_node_does_not_have_is_not_reported_as_deleted() {
    let created_then_lost = [&[Event::Normal; 2][..], &[Event::LostBefore], &[Event::Lagging; 60]].concat();
    let model = Model::new(&[], &created_then_lost);
    let client = model.client();
    let created = create(&client).value(VALUE).send().unwrap();
    let deletions = client.delete_many([client.delete(&created)]).send();
    assert!(deletions.failed().all(|(_, error)| error.may_have_acted()));
    // A second time, the key is only missing.
    assert_eq!(deletions.resume().send().succeeded().count(), 0);
    assert_eq!(value_of(&model, created.id).as_deref(), Some(VALUE));
}

/// From this request on, another key has id 0.
fn another_key_from(request: usize, before: Entry) -> (Model, KeysClient) {
    let model = Model::new(&[before], &[]);
    let replace = |keys: &mut Vec<Entry>| keys[0].description = "payments".to_owned();
    let client = model.client_by(Meanwhile(model.clone(), request, replace));
    (model, client)
}

#[test]
fn key_that_expired_long_ago_may_stay_if_its_id_belongs_to_another_key_now() {
    let expired = Entry { expires_at: 1_000_000_000, ..key(0, ANOTHER_VALUE) };
    // After the list, the create and the second list.
    let (model, client) = another_key_from(3, expired);
    let ensured = client.ensure("docs").actions([SEARCH]).collections(["docs"]).send().unwrap();
    assert_eq!((ensured.created, ensured.replaced.len()), (true, 0));
    assert_eq!(model.state().keys.len(), 2);
}

#[test]
fn replaced_key_whose_id_belongs_to_another_key_now_is_reported() {
    let drifted = Entry { collections: r#"["blog"]"#.to_owned(), ..key(0, ANOTHER_VALUE) };
    // After the list, the old key, two nodes, the create, the second list and two nodes.
    let (model, client) = another_key_from(8, drifted);
    let ensure = client.ensure("docs").actions([SEARCH]).collections(["docs"]).replace_on_drift(true);
    let error = ensure.send().unwrap_err();
    assert!(matches!(&error, Error::Incomplete(incomplete) if incomplete.key.is_some()), "{error}");
    assert_eq!(model.state().keys.len(), 2);
}

#[test]
fn key_that_is_kept_is_not_to_be_deleted_after_an_interruption() {
    // After the old key, two nodes and the create, the nodes do not know the new key.
    let events = [&[Event::Normal; 4][..], &[Event::Lagging; 200]].concat();
    let model = Model::new(&[key(0, ANOTHER_VALUE)], &events);
    let error = model.client().rotate(0).keep_old(true).send().unwrap_err();
    let Error::Incomplete(incomplete) = error else { panic!("{error}") };
    assert_eq!((incomplete.what.as_str(), incomplete.left_over), ("key 1 is created", None));
    let Error::NotReplicated(lag) = incomplete.cause else { panic!("{}", incomplete.cause) };
    assert_eq!(lag.nodes.iter().map(|node| &*node.result).collect::<Vec<_>>(), ["has no such key"; 2]);
}

#[test]
fn value_that_is_in_use_by_no_listed_key_is_reported_as_such() {
    let what = "the value is in use, but no new key of this scope is listed; it is in this error";
    let lost = [&[Event::LostAfter, Event::Normal][..], &[Event::Lagging; 200]].concat();
    let created = create(&Model::new(&[], &lost).client()).send().unwrap_err().to_string();
    assert!(created.contains(what), "{created}");
    // After the old key and two nodes.
    let model = Model::new(&[key(0, ANOTHER_VALUE)], &[&[Event::Normal; 3][..], &lost].concat());
    let Error::Incomplete(rotated) = model.client().rotate(0).send().unwrap_err() else { panic!("complete") };
    assert!(rotated.cause.to_string().contains(what), "{}", rotated.cause);
}

#[test]
fn stored_value_that_is_in_use_may_be_looked_up_later() {
    // It is refused, and then nothing responds.
    let model = Model::new(&[key(0, VALUE)], &[&[Event::Normal][..], &[Event::LostBefore; 200]].concat());
    let error = create(&model.client()).stored_value(VALUE).send().unwrap_err();
    assert!(matches!(error, Error::OutcomeUnknown(_)) && error.is_retryable(), "{error}");
}

/// Another run, which was given another value, has created its key later: it is the one that gives way.
#[test]
fn later_key_with_another_value_does_not_take_precedence() {
    let model = Model::new(&[], &[]);
    // From the second list on.
    let add = |keys: &mut Vec<Entry>| {
        if keys.len() == 1 {
            keys.push(key(9, ANOTHER_VALUE))
        }
    };
    let client = model.client_by(Meanwhile(model.clone(), 2, add));
    let ensured = client.ensure("docs").actions([SEARCH]).collections(["docs"]).value(VALUE).send().unwrap();
    assert_eq!((ensured.key.id, ensured.duplicates), (KeyId::from(0), vec![KeyId::from(9)]));
}

/// A node that has the new key knows of the deletion, too, although it has never shown the old one.
#[test]
fn replaced_key_that_another_node_does_not_have_after_a_lost_response_is_deleted() {
    // After the old key, two nodes, the create, two nodes, and both keys.
    let events = [&[Event::Normal; 8][..], &[Event::LostAfter]].concat();
    let model = Model::new(&[key(0, ANOTHER_VALUE)], &events);
    let new = model.client().rotate(0).send().unwrap();
    assert_eq!(model.state().keys.iter().map(|key| KeyId::from(key.id)).collect::<Vec<_>>(), [new.id]);
}

/// A node does not know the created key yet, nor, in the second case, the one that stays.
#[test]
fn created_key_that_gives_way_is_deleted_once_the_node_knows_it() {
    let hidden = Entry { is_listed: false, ..key(0, ANOTHER_VALUE) };
    let list: fn(&mut Vec<Entry>) = |keys| keys[0].is_listed = true;
    let of_another = Entry { description: "blog".to_owned(), ..key(0, ANOTHER_VALUE) };
    let describe: fn(&mut Vec<Entry>) = |keys| keys[0].description = "docs".to_owned();
    for (other, appears, of_kept) in [(hidden, list, Event::Normal), (of_another, describe, Event::Lagging)] {
        // After the list, the create and the second list.
        let events = [&[Event::Normal; 3][..], &[Event::Lagging, of_kept]].concat();
        let model = Model::new(&[other], &events);
        let client = model.client_by(Meanwhile(model.clone(), 2, appears));
        let ensured = client.ensure("docs").actions([SEARCH]).collections(["docs"]).send().unwrap();
        assert_eq!((ensured.key.id, ensured.created), (KeyId::from(0), false));
        assert_eq!(model.state().keys.len(), 1);
    }
}
