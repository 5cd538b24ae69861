//! baresip, a real phone: its own process, configuration, tone and recording.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::audio::read_wav;
use super::company::Line;
use super::ports::Ports;

const PATIENCE: Duration = Duration::from_secs(20);
/// Where packages put the modules.
const MODULES: [&str; 3] =
    ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"];

/// What a phone does when it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answering {
    /// It answers at once.
    AtOnce,
    /// It rings until it is told something.
    WhenTold,
}

/// A baresip process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Phone {
    child: Child,
    directory: TempDir,
    control: TcpStream,
    unread: Vec<u8>,
    events: Vec<Value>,
    domain: String,
    _ports: Ports,
}

impl Phone {
    /// A phone whose line is registered. It sends a tone in calls.
    #[track_caller]
    pub(crate) fn registered(server: SocketAddr, line: &Line, frequency: u32, answering: Answering) -> Self {
        let mut phone = Self::start(server, line, &line.password, frequency, answering);
        phone.await_event("REGISTER_OK");
        phone
    }

    /// The same over a TCP connection of its own.
    #[track_caller]
    pub(crate) fn registered_over_tcp(server: SocketAddr, line: &Line, frequency: u32, answering: Answering) -> Self {
        let mut phone = Self::launch(server, Source::Tone(frequency), Band::Narrow);
        phone.domain += ";transport=tcp";
        phone.sign_up(line, &line.password, answering);
        phone.await_event("REGISTER_OK");
        phone
    }

    /// A phone that has begun to register.
    #[track_caller]
    pub(crate) fn start(server: SocketAddr, line: &Line, password: &str, frequency: u32, answering: Answering) -> Self {
        let mut phone = Self::launch(server, Source::Tone(frequency), Band::Narrow);
        phone.sign_up(line, password, answering);
        phone
    }

    /// A phone without a line, somewhere in the world, that says this in its call.
    #[track_caller]
    pub(crate) fn in_the_world(server: SocketAddr, number: &str, said: &[i16]) -> Self {
        let mut phone = Self::launch(server, Source::Speech(said), Band::Narrow);
        let domain = phone.domain.clone();
        phone.command("uanew", &format!("<sip:{number}@{domain}>;regint=0;audio_codecs=PCMU/8000/1;"));
        phone
    }

    /// A phone without a line, somewhere in the world, that hears wide band (G.722): [`Phone::heard`] has 16,000 samples a second.
    #[track_caller]
    pub(crate) fn wide_band(server: SocketAddr, number: &str) -> Self {
        let mut phone = Self::launch(server, Source::Tone(440), Band::Wide);
        let domain = phone.domain.clone();
        phone.command("uanew", &format!("<sip:{number}@{domain}>;regint=0;audio_codecs=G722/16000/1;"));
        phone
    }

    /// Presses a key; it is told by telephone events.
    #[track_caller]
    pub(crate) fn press(&mut self, key: char) {
        self.command("sndcode", &key.to_string());
    }

    #[track_caller]
    fn launch(server: SocketAddr, source: Source<'_>, band: Band) -> Self {
        let (directory, ports) = (tempfile::tempdir().expect("a directory for baresip"), Ports::reserve());
        configure(directory.path(), &ports, source, band);
        let log = fs::File::create(directory.path().join("errors")).expect("a log file");
        let mut child = Command::new("baresip")
            .args(["-s", "-f"])
            .arg(directory.path())
            .env("HOME", directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("baresip is installed");
        await_start(&mut child, &directory.path().join("log"));
        let control = TcpStream::connect((Ipv4Addr::LOCALHOST, ports.single(0))).expect("baresip's control port");
        let (unread, events) = (Vec::new(), Vec::new());
        let domain = server.to_string();
        Self { child, directory, control, unread, events, domain, _ports: ports }
    }

    /// Adds the account by command, so that what its registration comes to is among the events.
    #[track_caller]
    fn sign_up(&mut self, line: &Line, password: &str, answering: Answering) {
        let mode = if answering == Answering::AtOnce { "auto" } else { "manual" };
        let account = format!(
            "<sip:{user}@{domain}>;auth_user={user};auth_pass={password};regint=600;answermode={mode};\
             audio_codecs=PCMU/8000/1;",
            user = line.username,
            domain = self.domain,
        );
        self.command("uanew", &account);
    }

    /// Gives a command and waits until it was taken.
    #[track_caller]
    pub(crate) fn command(&mut self, command: &str, params: &str) {
        let text = json!({ "command": command, "params": params, "token": command }).to_string();
        self.control.write_all(format!("{}:{text},", text.len()).as_bytes()).expect("baresip takes commands");
        let answer = self
            .next(&format!("an answer to {command}"), |value| value["response"] == true && value["token"] == command);
        assert_eq!(answer["ok"], true, "{command}: {answer}");
    }

    /// Calls a number.
    #[track_caller]
    pub(crate) fn dial(&mut self, number: &str) {
        let uri = format!("sip:{number}@{}", self.domain);
        self.command("dial", &uri);
    }

    /// Waits for an event of this type.
    #[track_caller]
    pub(crate) fn await_event(&mut self, kind: &str) -> Value {
        self.next(kind, |value| value["event"] == true && value["type"] == kind)
    }

    /// Waits for a call to come in.
    #[track_caller]
    pub(crate) fn await_ring(&mut self) -> Value {
        self.await_event("CALL_INCOMING")
    }

    /// Waits until a call is connected.
    #[track_caller]
    pub(crate) fn await_call(&mut self) -> Value {
        self.await_event("CALL_ESTABLISHED")
    }

    /// Waits until a call is over.
    #[track_caller]
    pub(crate) fn await_end(&mut self) -> Value {
        self.await_event("CALL_CLOSED")
    }

    #[track_caller]
    fn next(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(place) = self.events.iter().position(&fits) {
                return self.events.remove(place);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "baresip: no {what}; unread: {:?}\n{}", self.events, self.log());
            self.receive(left);
        }
    }

    fn receive(&mut self, wait: Duration) {
        self.control.set_read_timeout(Some(wait)).expect("a timeout");
        let mut buffer = [0; 4_096];
        match self.control.read(&mut buffer) {
            Ok(0) => panic!("baresip ended:\n{}", self.log()),
            Ok(length) => self.unread.extend_from_slice(&buffer[..length]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) => {}
            Err(error) => panic!("baresip: {error}"),
        }
        while let Some(value) = self.netstring() {
            self.events.push(value);
        }
    }

    /// The next complete `length:text,`.
    fn netstring(&mut self) -> Option<Value> {
        let colon = self.unread.iter().position(|byte| *byte == b':')?;
        let length: usize = std::str::from_utf8(&self.unread[..colon]).ok()?.parse().expect("a length");
        let text = self.unread.get(colon + 1..colon + 1 + length)?;
        let value = serde_json::from_slice(text).expect("JSON from baresip");
        // Behind the text stands a comma, which may still be on its way.
        self.unread.get(colon + 1 + length)?;
        self.unread.drain(..colon + 2 + length);
        Some(value)
    }

    /// Ends the process without a word to the server.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("baresip is killed");
        self.child.wait().expect("baresip's end");
    }

    /// What it heard in its only call, once that is over.
    #[track_caller]
    pub(crate) fn heard(&self) -> Vec<i16> {
        let files = fs::read_dir(self.directory.path().join("sound")).expect("baresip's recordings");
        let files: Vec<PathBuf> = files.map(|entry| entry.expect("a recording").path()).collect();
        let mut heard = files.iter().filter(|path| path.to_string_lossy().ends_with("-dec.wav"));
        let one = heard.next().unwrap_or_else(|| panic!("baresip recorded nothing: {files:?}\n{}", self.log()));
        read_wav(one)
    }

    fn log(&self) -> String {
        let read = |name: &str| fs::read_to_string(self.directory.path().join(name)).unwrap_or_default();
        let log = read("log") + &read("errors");
        let lines: Vec<&str> = log.lines().filter(|line| !line.contains("(bit/s)")).collect();
        lines[lines.len().saturating_sub(150)..].join("\n")
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What a phone says.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    Tone(u32),
    Speech(&'a [i16]),
}

/// What a phone can hear.
#[derive(Debug, Clone, Copy)]
enum Band {
    Narrow,
    Wide,
}

/// Speech of 8 kHz as baresip's sources are configured here: 48 kHz, two channels.
fn stereo_wav(samples: &[i16]) -> Vec<u8> {
    let pairs = samples.windows(2).flat_map(|pair| {
        let [from, to] = [i32::from(pair[0]), i32::from(pair[1])];
        (0..6).map(move |n| (from + (to - from) * n / 6) as i16)
    });
    let data: Vec<u8> = pairs.flat_map(|sample| [sample.to_le_bytes(), sample.to_le_bytes()].concat()).collect();
    let mut file = b"RIFF".to_vec();
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    file.extend(48_000_u32.to_le_bytes());
    file.extend(192_000_u32.to_le_bytes());
    file.extend(b"\x04\0\x10\0data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

fn configure(directory: &Path, ports: &Ports, source: Source<'_>, band: Band) {
    let modules = MODULES.iter().find(|path| Path::new(path).is_dir()).expect("baresip's modules are installed");
    let (first, last) = ports.media();
    let sound = directory.join("sound");
    fs::create_dir(&sound).expect("a directory for recordings");
    let source = match source {
        Source::Tone(frequency) => format!("ausine,{frequency}"),
        Source::Speech(samples) => {
            let file = directory.join("said.wav");
            fs::write(&file, stereo_wav(samples)).expect("a file to be said");
            format!("aufile,{}", file.display())
        }
    };
    let (codec, rate) = match band {
        Band::Narrow => ("g711", 8_000),
        Band::Wide => ("g722", 16_000),
    };
    // The bridge is a loudspeaker without a sound card; the filter `sndfile` records what goes to it.
    let config = format!(
        "poll_method epoll\nsip_listen 127.0.0.1:{sip}\nnet_interface 127.0.0.1\ncall_max_calls 8\n\
         audio_path {dir}\naudio_player aubridge,speaker\naudio_source {source}\naudio_alert none,none\n\
         ausrc_srate 48000\nauplay_srate {rate}\nausrc_channels 2\nauplay_channels 1\n\
         ausrc_format s16\nauplay_format s16\nauenc_format s16\naudec_format s16\n\
         audio_buffer 20-160\njitter_buffer_delay 1-10\nrtp_ports {first}-{last}\n\
         module_path {modules}\nmodule {codec}.so\nmodule ausine.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\nmodule ctrl_tcp.so\n\
         module_app account.so\nmodule_app menu.so\n\
         ctrl_tcp_listen 127.0.0.1:{control}\nsnd_path {sound}\nringback_disabled yes\nstatmode_default off\n",
        sip = ports.single(2),
        control = ports.single(0),
        dir = directory.display(),
        sound = sound.display(),
    );
    fs::write(directory.join("config"), config).expect("baresip's configuration");
    fs::write(directory.join("accounts"), "").expect("baresip's accounts");
    fs::write(directory.join("contacts"), "").expect("baresip's contacts");
}

/// Waits until baresip says that it is ready, and goes on writing what it says to a file.
#[track_caller]
fn await_start(child: &mut Child, log: &Path) {
    let output = child.stdout.take().expect("baresip's output");
    let mut file = fs::File::create(log).expect("a log file");
    let (sender, ready) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            file.write_all(&line).and_then(|()| file.write_all(b"\n")).ok();
            if line.starts_with(b"baresip is ready") {
                sender.send(()).ok();
            }
        }
    });
    if ready.recv_timeout(PATIENCE).is_err() {
        child.kill().ok();
        panic!("baresip did not start:\n{}", fs::read_to_string(log).unwrap_or_default());
    }
}
