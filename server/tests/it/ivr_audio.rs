//! Audio of flows over REST: prompts, voicemails, and files that are given out in parts.

use dialplane_core::Actor;
use dialplane_core::call::{Change, Direction, Hangup, HangupCause, NewCall, Side};
use dialplane_core::command::call::{CallReport, RecordCalls};
use dialplane_core::command::flow::Left;
use dialplane_core::id::{CallId, CompanyId, FlowId, UserId, VoicemailId};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{Answer, Person, Server, answer, assert_problem};

/// A WAV file, mono with 16 bits: so many samples, each the next number.
fn wave(rate: u32, samples: u16) -> Vec<u8> {
    let bytes = u32::from(samples) * 2;
    let mut file = Vec::new();
    for part in [
        &b"RIFF"[..],
        &(36 + bytes).to_le_bytes(),
        b"WAVEfmt ",
        &16u32.to_le_bytes(),
        &1u16.to_le_bytes(),
        &1u16.to_le_bytes(),
        &rate.to_le_bytes(),
        &(rate * 2).to_le_bytes(),
        &2u16.to_le_bytes(),
        &16u16.to_le_bytes(),
        b"data",
        &bytes.to_le_bytes(),
    ] {
        file.extend_from_slice(part);
    }
    file.extend((0..samples).flat_map(u16::to_le_bytes));
    file
}

async fn upload(
    server: &Server,
    token: &str,
    fields: &[(&'static str, &'static str)],
    file: Option<Vec<u8>>,
) -> Answer {
    let mut form = Form::new();
    for (name, value) in fields {
        form = form.text(*name, *value);
    }
    if let Some(file) = file {
        form = form.part("file", Part::bytes(file).file_name("welcome.wav"));
    }
    answer(server.request("POST", "/api/ivr/prompts", token).multipart(form)).await
}

/// How many files are below a folder of the server's data.
fn files(server: &Server, folder: &str) -> usize {
    fn count(path: &std::path::Path) -> usize {
        let Ok(entries) = std::fs::read_dir(path) else { return 0 };
        entries.flatten().map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 }).sum()
    }
    count(&server.directory.path().join("data").join(folder))
}

#[tokio::test]
async fn a_prompt_is_uploaded_played_in_parts_and_kept_while_it_is_used() {
    for server in Server::on_each_store() {
        let admin = server.set_up().await;
        let file = wave(16_000, 8_000);
        let named = [("name", "welcome"), ("language", "EN")];
        let made = upload(&server, &admin.token, &named, Some(file.clone())).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let prompt = &made.body["prompt"];
        assert_eq!((&prompt["name"], &prompt["language"]), (&json!("welcome"), &json!("en")));
        assert_eq!((&prompt["lengthMs"], &prompt["mediaType"]), (&json!(500), &json!("audio/wav")));
        let again = upload(&server, &admin.token, &named, Some(file.clone())).await;
        assert_problem(&again, 409, "name_taken");
        assert_eq!(files(&server, "prompts"), 1, "what was refused leaves no file");
        let german =
            upload(&server, &admin.token, &[("name", "welcome"), ("language", "de")], Some(file.clone())).await;
        assert_eq!(german.status, 201, "{}", german.text);
        let slow = upload(&server, &admin.token, &[("name", "slow")], Some(wave(8_000, 4_000))).await;
        let slow = &slow.body["prompt"];
        assert_eq!((&slow["lengthMs"], &slow["bytes"]), (&json!(500), &json!(16_044)), "it is kept as it is played");
        server
            .ok("DELETE", &format!("/api/ivr/prompts/{}", slow["id"].as_str().unwrap()), &admin.token, Value::Null)
            .await;
        let spoken = include_bytes!("../../../signaling/tests/data/speech.mp3").to_vec();
        let spoken = upload(&server, &admin.token, &[("name", "spoken")], Some(spoken)).await;
        assert_eq!(spoken.body["prompt"]["mediaType"], "audio/mpeg", "{}", spoken.text);
        let (length, bytes) = (&spoken.body["prompt"]["lengthMs"], &spoken.body["prompt"]["bytes"]);
        // Two bytes a sample, 16 samples a millisecond, behind a header of 44 bytes.
        let (length, bytes) = (length.as_u64().unwrap(), bytes.as_u64().unwrap() - 44);
        assert!(length > 500 && (bytes / 32).abs_diff(length) <= 1, "{}", spoken.text);
        let spoken = format!("/api/ivr/prompts/{}", spoken.body["prompt"]["id"].as_str().unwrap());
        server.ok("DELETE", &spoken, &admin.token, Value::Null).await;
        let listed = server.get("/api/ivr/prompts", &admin.token).await;
        let languages: Vec<_> = listed["prompts"].as_array().unwrap().iter().map(|one| &one["language"]).collect();
        assert_eq!(languages, ["de", "en"]);

        let url = prompt["audioUrl"].as_str().unwrap();
        let get = |range: Option<&'static str>| {
            let request = server.request("GET", url, &admin.token);
            let request = if let Some(range) = range { request.header("range", range) } else { request };
            async { request.send().await.unwrap() }
        };
        let whole = get(None).await;
        assert_eq!((whole.status().as_u16(), &whole.headers()["content-type"]), (200, &"audio/wav".parse().unwrap()));
        assert_eq!(whole.headers()["accept-ranges"], "bytes");
        let tag = whole.headers()["etag"].clone();
        let audio = whole.bytes().await.unwrap();
        assert_eq!((audio.len() as u64, &audio[..4]), (prompt["bytes"].as_u64().unwrap(), &b"RIFF"[..]));
        let part = get(Some("bytes=8-11")).await;
        assert_eq!((part.status().as_u16(), part.headers()["content-length"].to_str().unwrap()), (206, "4"));
        assert_eq!(part.headers()["content-range"], format!("bytes 8-11/{}", audio.len()));
        assert_eq!(part.bytes().await.unwrap(), "WAVE");
        assert_eq!(get(Some("bytes=-4")).await.bytes().await.unwrap(), audio[audio.len() - 4..]);
        assert_eq!(get(Some("bytes=12-")).await.bytes().await.unwrap(), audio[12..]);
        let beyond = get(Some("bytes=9999999-")).await;
        assert_eq!(
            (beyond.status().as_u16(), beyond.headers()["content-range"].to_str().unwrap()),
            (416, &*format!("bytes */{}", audio.len()))
        );
        assert_eq!(get(Some("bytes=0-1,4-5")).await.bytes().await.unwrap(), audio, "several ranges get all of it");
        for (condition, status) in [(tag.to_str().unwrap(), 206), ("\"other\"", 200)] {
            let request = server.request("GET", url, &admin.token).header("range", "bytes=0-3");
            assert_eq!(request.header("if-range", condition).send().await.unwrap().status(), status, "{condition}");
        }
        let known = server.request("GET", url, &admin.token).header("if-none-match", tag);
        assert_eq!(known.send().await.unwrap().status(), 304);

        let flow = json!({"version": 1, "start": "a", "prompts": {"hello": {"en": [{"audio": "welcome"}]}}, "nodes": {
            "a": {"type": "play", "prompt": "hello", "next": "b", "onFail": "b"}, "b": {"type": "hangup"},
        }});
        let flow = server.ok("POST", "/api/ivr", &admin.token, json!({"name": "Main", "flow": flow})).await;
        let flow = format!("/api/ivr/{}", flow["flow"]["id"].as_str().unwrap());
        server.ok("POST", &format!("{flow}/activate"), &admin.token, Value::Null).await;
        let path = format!("/api/ivr/prompts/{}", prompt["id"].as_str().unwrap());
        assert_problem(&server.call("DELETE", &path, &admin.token, Value::Null).await, 409, "in_use");
        server.ok("DELETE", &flow, &admin.token, Value::Null).await;
        server.ok("DELETE", &path, &admin.token, Value::Null).await;
        for gone in [&path, url] {
            assert_problem(&server.call("GET", gone, &admin.token, Value::Null).await, 404, "not_found");
        }
        assert_eq!(files(&server, "prompts"), 1);
    }
}

#[tokio::test]
async fn what_is_no_prompt_is_refused_with_its_reason_and_leaves_nothing() {
    let server = Server::start_with(&[("DIALPLANE_RATE_LIMITS", "off"), ("DIALPLANE_MAX_UPLOAD_BYTES", "100000")]);
    let admin = server.set_up().await;
    let named = [("name", "x")];
    for file in [
        &b""[..],
        b"hello",
        b"<html><body>Not found</body></html>",
        b"\x89PNG\r\n\x1a\n0000000000",
        b"RIFF\x04\0\0\0AVI fmt ",
    ] {
        let refused = upload(&server, &admin.token, &named, Some(file.to_vec())).await;
        assert_problem(&refused, 415, "not_audio");
    }
    let file = wave(16_000, 8_000);
    for length in [20, 40, 44, file.len() - 1] {
        let refused = upload(&server, &admin.token, &named, Some(file[..length].to_vec())).await;
        assert_problem(&refused, 422, "audio_damaged");
    }
    for (head, name) in [(&b"fLaC0000"[..], "FLAC"), (b"OggS0000vorbis", "Ogg"), (b"\0\0\0\x20ftypM4A ", "MP4")] {
        let refused = upload(&server, &admin.token, &named, Some(head.to_vec())).await;
        assert_problem(&refused, 415, "not_audio");
        assert!(refused.text.contains(name), "{}", refused.text);
    }
    let large = upload(&server, &admin.token, &named, Some(wave(16_000, 60_000))).await;
    assert_problem(&large, 413, "too_large");
    let bare = upload(&server, &admin.token, &[("language", "english!")], None).await;
    assert_problem(&bare, 400, "invalid_input");
    let fields: Vec<_> = bare.body["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["name", "language", "file"], "{}", bare.text);
    let json = server.call("POST", "/api/ivr/prompts", &admin.token, json!({"name": "x"})).await;
    assert_problem(&json, 415, "unsupported_media_type");
    assert_eq!(server.get("/api/ivr/prompts", &admin.token).await["prompts"], json!([]));
    assert_eq!(files(&server, "prompts"), 0);
}

/// A server with an agent's call that went through a flow and left a voicemail.
struct LeftBehind {
    company: CompanyId,
    call: CallId,
    flow: FlowId,
    voicemail: VoicemailId,
}

async fn leave(server: &Server, admin: &Person, agent: &Person) -> LeftBehind {
    let engine = server.engine().await;
    let company =
        server.get("/api/auth/profile", &admin.token).await["company"]["id"].as_str().unwrap().parse().unwrap();
    let flow = json!({"version": 1, "start": "a", "nodes": {"a": {"type": "hangup"}}});
    let flow = server.ok("POST", "/api/ivr", &admin.token, json!({"name": "Main", "flow": flow})).await;
    let flow: FlowId = flow["flow"]["id"].as_str().unwrap().parse().unwrap();
    let (ids, now) = (engine.ids(), engine.now());
    let (call, voicemail) = (ids.id(now), ids.id(now));
    let agent: UserId = agent.id.parse().unwrap();
    let begin = NewCall {
        id: call,
        company,
        direction: Direction::Inbound,
        from: "+12025550100".into(),
        to: "+12025550101".into(),
        agent: Some(agent),
        number: None,
        trunk: None,
        lead: None,
        node: None,
        at: now,
    };
    let hangup = Hangup { side: Side::Caller, cause: HangupCause::NormalClearing, sip_status: None };
    let folder = server.directory.path().join("data/recordings").join(company.to_string());
    std::fs::create_dir_all(&folder).unwrap();
    let file = wave(8_000, 8_000);
    std::fs::write(folder.join(voicemail.to_string()), &file).unwrap();
    let steps = json!([{"atMs": 0, "node": "a", "event": "entered"}]);
    let left = vec![
        Left::Trace { flow, version: 1, steps, ended: "message".to_owned(), at: now },
        Left::Voicemail {
            id: voicemail,
            flow: Some(flow),
            mailbox: "sales".to_owned(),
            from: "+12025550100".into(),
            length_ms: 1_000,
            bytes: file.len() as u64,
            at: now,
        },
    ];
    let reports = vec![CallReport {
        begin: Some(begin),
        changes: vec![(now, Change::Ended { hangup })],
        left,
        ..CallReport::nothing(call)
    }];
    engine.execute(&Actor::system_for(company), &RecordCalls { reports }).await.unwrap();
    LeftBehind { company, call, flow, voicemail }
}

#[tokio::test]
async fn a_voicemail_is_listed_heard_and_removed_and_goes_with_its_call() {
    for server in Server::on_each_store() {
        let admin = server.set_up().await;
        let agent = server.join(&admin.token, "agent", "ann@alpha.example").await;
        let other = server.join(&admin.token, "agent", "bob@alpha.example").await;
        let left = leave(&server, &admin, &agent).await;
        let listed = server.get("/api/voicemails?mailbox=sales&heard=false", &admin.token).await;
        assert_eq!(listed["pagination"]["total"], 1);
        let voicemail = &listed["voicemails"][0];
        assert_eq!((&voicemail["from"], &voicemail["lengthMs"]), (&json!("+12025550100"), &json!(1_000)));
        assert_eq!((&voicemail["callId"], &voicemail["flowId"]), (&json!(left.call), &json!(left.flow)));
        for query in
            ["mailbox=support", "heard=true", "dateTo=2020-01-01", "cursor=00000000-0000-0000-0000-000000000000"]
        {
            let none = server.get(&format!("/api/voicemails?{query}"), &admin.token).await;
            assert_eq!(none["voicemails"], json!([]), "{query}");
        }
        let url = voicemail["recordingUrl"].as_str().unwrap().to_owned();
        for person in [&admin, &agent] {
            let part = server.request("GET", &url, &person.token).header("range", "bytes=44-47").send().await.unwrap();
            assert_eq!((part.status().as_u16(), &part.headers()["content-type"]), (206, &"audio/wav".parse().unwrap()));
            assert_eq!(part.bytes().await.unwrap(), &[0, 0, 1, 0][..]);
        }
        assert_problem(&server.call("GET", &url, &other.token, Value::Null).await, 404, "not_found");
        assert_problem(&server.call("GET", "/api/voicemails", &agent.token, Value::Null).await, 403, "forbidden");

        let path = format!("/api/voicemails/{}", left.voicemail);
        let heard = server.ok("PUT", &path, &admin.token, json!({"heard": true})).await["voicemail"].clone();
        assert_eq!(
            (&heard["heard"], &heard["heardBy"], &heard["version"]),
            (&json!(true), &json!(admin.id), &json!(2))
        );
        let stale = server.request("PUT", &path, &admin.token).header("if-match", "\"1\"");
        assert_problem(&answer(stale.json(&json!({"heard": false}))).await, 409, "stale_version");
        assert_problem(&server.call("PUT", &path, &admin.token, json!({})).await, 400, "invalid_input");

        // The call shows what it did.
        let call = format!("/api/calls/{}", left.call);
        let detail = server.get(&call, &admin.token).await["call"].clone();
        assert_eq!(detail["voicemails"][0]["id"], json!(left.voicemail));
        assert_eq!((&detail["flow"]["id"], &detail["flow"]["ended"]), (&json!(left.flow), &json!("message")));
        let trace = server.get(detail["flow"]["traceUrl"].as_str().unwrap(), &admin.token).await["trace"].clone();
        assert_eq!((&trace["steps"][0]["node"], &trace["flowVersion"]), (&json!("a"), &json!(1)));
        let elsewhere = format!("/api/ivr/{}/trace/{}", left.call, left.call);
        assert_problem(&server.call("GET", &elsewhere, &admin.token, Value::Null).await, 404, "not_found");

        assert_eq!(files(&server, "recordings"), 1);
        server.ok("DELETE", &path, &admin.token, Value::Null).await;
        assert_eq!(files(&server, "recordings"), 0);
        assert_problem(&server.call("GET", &url, &admin.token, Value::Null).await, 404, "not_found");
        assert!(server.directory.path().join("data/recordings").join(left.company.to_string()).exists());
        server.ok("DELETE", &call, &admin.token, Value::Null).await;
        let gone = format!("/api/ivr/{}/trace/{}", left.flow, left.call);
        assert_problem(&server.call("GET", &gone, &admin.token, Value::Null).await, 404, "not_found");
    }
}
