//! Cells that go wrong for another reason than their Rust.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::place::Place;
use super::{Mistake, Tried};

/// Runs a notebook of these cells.
fn run(place: &Place, cells: &[&str]) -> Tried {
    run_with(place, cells, &[], &[])
}

/// Runs one with more options, and variables of the environment.
fn run_with(place: &Place, cells: &[&str], options: &[&str], variables: &[(&str, &str)]) -> Tried {
    place.notebook("day-01.ipynb", cells);
    let arguments = [&["run", "day-01.ipynb"], options].concat();
    let mut command = place.command(&arguments);
    command.envs(variables.iter().copied());
    let names: String = variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
    let typed = names + &super::place::typed(&arguments);
    Ok(place.say_by(command, &typed))
}

const TALK: &[&str] =
    &["let mut agent = DictionaryAgent::new(Client::connect()?);", "agent.say(\"Hello\")?"];

pub(super) const MISTAKES: &[Mistake] = &[
    ("a type that does not fit", |place| {
        run(place, &["let n: usize = 3;", "let half: f32 = n / 2;"])
    }),
    ("an exercise's hole is left", |place| {
        // In two parts: no hole is left in our own code.
        let hole = concat!(
            "fn map_side(input: usize) -> usize {\n    todo",
            "!(\"how often does the kernel fit?\")\n}"
        );
        run(place, &[hole, "map_side(28)"])
    }),
    ("an option of a cell that is misspelled", |place| run(place, &["//| lable: curves\n1 + 1"])),
    ("a level of optimisation that there is not", |place| run(place, &["//| opt: 9\n1 + 1"])),
    ("a data file that is not there", |place| {
        run(place, &["//| data: rain.csv\nlet rain = std::fs::read_to_string(\"rain.csv\")?;"])
    }),
    ("a table of data that is damaged", |place| {
        place.write("rain.csv", "12.5\nn/a\n");
        let parse = "let rain: Vec<f32> = std::fs::read_to_string(\"rain.csv\")?\n    .lines().map(str::parse).collect::<Result<_, _>>()?;";
        run(place, &[&format!("//| data: rain.csv\n{parse}")])
    }),
    ("pictures in a folder that is not there", |place| {
        run(place, &["let photos = image_folder(\"photos\", &FolderConfig::default())?;"])
    }),
    ("a picture that is damaged", |place| {
        place.write("photos/cats/one.png", b"\x89PNG\r\n\x1a\ncut");
        run(place, &["let photos = image_folder(\"photos\", &FolderConfig::default())?;"])
    }),
    ("shapes that do not fit", |place| {
        run(
            place,
            &["let cnn = Cnn::on([1, 28, 28]).conv(16, 3).relu().max_pool(30).classes(10)?;"],
        )
    }),
    ("a cell that does not end", |place| {
        run_with(
            place,
            &["let mut n = 0u64;\nloop { n = n.wrapping_add(1); }"],
            &["--time-limit", "2s"],
            &[],
        )
    }),
    ("more memory than is allowed", |place| {
        let greedy = "let mut kept: Vec<Vec<u8>> = vec![];\nloop { kept.push(vec![1; 64 << 20]); }";
        run_with(place, &[greedy], &["--memory-limit", "1G"], &[])
    }),
    ("a crate that is named wrongly", |place| {
        run(place, &[":dep momentum-no-such-crate = \"1\"\n1"])
            .map(|said| said.from("day-01.ipynb"))
    }),
    ("a key with a space in it", |place| {
        run_with(place, TALK, &[], &[("OPENAI_API_KEY", "my key")])
    }),
    ("an address of a model without its name", |place| {
        run_with(place, TALK, &[], &[("OPENAI_BASE_URL", "http://127.0.0.1:11434/v1")])
    }),
    ("a key that the model's address refuses", |place| {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/v1", server.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in server.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 1 << 16]);
                let body = "{\"error\": {\"message\": \"Incorrect API key provided\"}}";
                let head = "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json";
                let _ = write!(
                    stream,
                    "{head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        let typed = "OPENAI_API_KEY=... momentum run day-01.ipynb";
        talk(place, &address, typed)
    }),
    ("an address of a model where nobody listens", |place| {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/v1", server.local_addr().unwrap());
        drop(server);
        let typed = "OPENAI_BASE_URL=http://127.0.0.1:11434/v1 momentum run day-01.ipynb";
        talk(place, &address, typed)
    }),
];

/// Asks a model at an address, whose port differs from run to run.
fn talk(place: &Place, address: &str, typed: &str) -> Tried {
    place.notebook("day-01.ipynb", TALK);
    let mut command = place.command(&["run", "day-01.ipynb"]);
    command.env("OPENAI_API_KEY", "sk-wrong").env("MOMENTUM_MODEL", "llama3");
    command.env("OPENAI_BASE_URL", address);
    Ok(place.say_by(command, typed).with(address, "http://127.0.0.1:11434/v1"))
}
