//! The actor `fetcher` on a real host, with a real HTTP server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use actix_web::http::header;
use actix_web::{App, HttpResponse, HttpServer, web};
use fetcher::FetcherConfig;
use protocol::Failure;
use protocol::fetcher::FetchUris;
use protocol::task::Uri;
use runtime::{Host, HostConfig};

const DEADLINE: Duration = Duration::from_secs(30);

/// A host with the fetcher, a sandbox, and a folder of files to fetch.
struct Rig {
    host: Host,
    sandbox: tempfile::TempDir,
    files: tempfile::TempDir,
    user: Option<String>,
}

impl Rig {
    async fn start() -> Self {
        Self::start_with(FetcherConfig::default()).await
    }

    async fn start_with(config: FetcherConfig) -> Self {
        let cluster = "test".to_owned();
        let host =
            Host::start(HostConfig { cluster, listen: None, advertise: None }).await.unwrap();
        fetcher::start(&host, config).unwrap();
        let (sandbox, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Self { host, sandbox, files, user: None }
    }

    async fn fetch(&self, uris: Vec<Uri>) -> Result<(), Failure> {
        let sandbox = self.sandbox.path().to_str().unwrap().to_owned();
        let message = FetchUris { uris, sandbox, user: self.user.clone() };
        self.host.ask(&self.host.address_of("fetcher"), message, DEADLINE).await
    }

    async fn failure(&self, uri: Uri) -> String {
        self.fetch(vec![uri]).await.unwrap_err().message
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.files.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn got(&self, name: &str) -> String {
        fs::read_to_string(self.sandbox.path().join(name))
            .unwrap_or_else(|e| panic!("{name}: {e}; there is {:?}", self.names()))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.sandbox.path()).unwrap().flatten();
        let mut names: Vec<_> =
            entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn uri(value: impl Into<String>) -> Uri {
    let value = value.into();
    Uri { value, executable: false, extract: true, cache: false, output_file: None }
}

/// A server with one file, a redirect, a loop, an endless body and one that stops coming.
fn server() -> String {
    let endless = || async {
        let chunk = || Ok::<_, std::io::Error>(web::Bytes::from_static(&[b'x'; 65_536]));
        let stream = futures_util::stream::repeat_with(chunk);
        HttpResponse::Ok().streaming(stream)
    };
    let stalling = || async {
        let first = futures_util::stream::once(async {
            Ok::<_, std::io::Error>(web::Bytes::from_static(b"so far"))
        });
        HttpResponse::Ok()
            .streaming(futures_util::StreamExt::chain(first, futures_util::stream::pending()))
    };
    let redirect = |to: &'static str| {
        move || async move { HttpResponse::Found().insert_header((header::LOCATION, to)).finish() }
    };
    let server = HttpServer::new(move || {
        App::new()
            .route("/dir/hello.txt", web::get().to(|| async { "hello" }))
            .route("/moved", web::get().to(redirect("/dir/hello.txt")))
            .route("/loop", web::get().to(redirect("/loop")))
            .route("/away", web::get().to(redirect("ftp://elsewhere/x")))
            .route("/endless", web::get().to(endless))
            .route("/stalling", web::get().to(stalling))
    })
    .workers(1)
    .disable_signals()
    .bind("127.0.0.1:0")
    .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    actix_rt::spawn(server.run());
    url
}

#[actix_rt::test]
async fn local_files_arrive_under_their_names_or_the_given_ones() {
    let rig = Rig::start().await;
    let path = rig.file("a.txt", b"content");
    let mut named = uri(format!(" file://{path} "));
    named.output_file = Some("deep/er/b.txt".into());
    let mut tool = uri(format!("file://localhost{}", rig.file("tool.sh", b"#!/bin/sh\n")));
    tool.executable = true;
    rig.fetch(vec![uri(&path), named, tool]).await.unwrap();
    assert_eq!(rig.got("a.txt"), "content");
    assert_eq!(rig.got("deep/er/b.txt"), "content");
    let mode = |name| fs::metadata(rig.sandbox.path().join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("a.txt"), mode("tool.sh")), (0o644, 0o755));
    assert_eq!(rig.names(), ["a.txt", "deep", "tool.sh"]);
}

#[actix_rt::test]
async fn downloads_follow_redirects() {
    let (rig, url) = (Rig::start().await, server());
    rig.fetch(vec![uri(format!("{url}/dir/hello.txt?x=1")), uri(format!("{url}/moved"))])
        .await
        .unwrap();
    assert_eq!((rig.got("hello.txt"), rig.got("moved")), ("hello".into(), "hello".into()));
}

#[actix_rt::test]
async fn the_first_failure_names_the_uri_and_the_reason_and_leaves_no_part() {
    let config = FetcherConfig {
        stall_timeout_ms: 200,
        max_download_bytes: 1 << 20,
        ..FetcherConfig::default()
    };
    let (rig, url) = (Rig::start_with(config).await, server());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cases = [
        (format!("{url}/nothing"), "the server answered 404 Not Found"),
        (format!("{url}/endless"), "it is larger than the 1048576 bytes that are accepted"),
        (format!("{url}/stalling"), "failed to download: "),
        (format!("{url}/loop"), "failed to download: "),
        (format!("{url}/away"), "failed to download: "),
        (format!("http://{free}/x"), "failed to download: "),
        ("http:// /x".into(), "failed to download: "),
        (format!("{url}/"), "it ends in no file name: give `output_file`"),
        ("/no/such/file".into(), "failed to copy `/no/such/file`: No such file"),
        ("https://example.org/x".into(), "scheme `https` is not supported"),
        ("x".into(), "a relative path is not supported"),
    ];
    for (value, why) in cases {
        let message = rig.failure(uri(&value)).await;
        assert!(message.starts_with(&format!("`{value}`: {why}")), "{message}");
        assert_eq!(rig.names(), Vec::<String>::new(), "{value}");
    }
    let good = uri(format!("{url}/moved"));
    let both = vec![good.clone(), uri("/no/such/file"), uri("/also/missing")];
    let message = rig.fetch(both).await.unwrap_err().message;
    assert!(message.starts_with("`/no/such/file`"), "{message}");
}

#[actix_rt::test]
async fn an_output_file_stays_in_the_sandbox() {
    let rig = Rig::start().await;
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), rig.sandbox.path().join("link")).unwrap();
    symlink(outside.path().join("target"), rig.sandbox.path().join("file")).unwrap();
    let path = rig.file("a.txt", b"content");
    for output in ["/tmp/x", "../x", "a/../../x", "", "link/x", "link/deeper/x"] {
        let mut uri = uri(&path);
        uri.output_file = Some(output.into());
        let message = rig.failure(uri).await;
        assert!(message.contains("the sandbox"), "{output}: {message}");
    }
    let mut replaced = uri(&path);
    replaced.output_file = Some("file".into());
    rig.fetch(vec![replaced]).await.unwrap();
    assert_eq!(rig.got("file"), "content");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

/// Runs a tool in the folder of files; what it makes is to be fetched.
fn tool(rig: &Rig, line: &str) {
    let run = Command::new("sh").args(["-c", line]).current_dir(rig.files.path()).status();
    assert!(run.unwrap().success(), "{line}");
}

#[actix_rt::test]
async fn archives_are_extracted_by_their_names() {
    let rig = Rig::start().await;
    rig.file("src/app/run.sh", b"#!/bin/sh\necho run\n");
    rig.file("src/data", b"data");
    tool(&rig, "chmod 4755 src/app/run.sh; chmod 555 src/app; ln -s data src/link");
    tool(&rig, "tar cf a.tar -C src . && cp a.tar b.tar && gzip b.tar && cp b.tar.gz c.tgz");
    tool(&rig, "cp a.tar d.tar && bzip2 d.tar && cp d.tar.bz2 e.tbz2");
    tool(&rig, "cp a.tar f.tar && xz f.tar && cp f.tar.xz g.txz");
    tool(&rig, "cd src && zip -qry ../h.zip . && cd .. && echo single > i.txt && gzip i.txt");
    let names = ["a.tar", "b.tar.gz", "c.tgz", "d.tar.bz2", "e.tbz2", "f.tar.xz", "g.txz", "h.zip"];
    for name in names {
        let rig_of_name = Rig::start().await;
        let path = rig.files.path().join(name).to_str().unwrap().to_owned();
        rig_of_name.fetch(vec![uri(path)]).await.unwrap();
        assert_eq!(rig_of_name.got("app/run.sh"), "#!/bin/sh\necho run\n", "{name}");
        assert_eq!(rig_of_name.got("link"), "data", "{name}");
        let mode = fs::metadata(rig_of_name.sandbox.path().join("app/run.sh")).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o755, "{name}: without set-user-id");
        let mut names = [name, "app", "data", "link"];
        names.sort_unstable();
        assert_eq!(rig_of_name.names(), names);
        let app = rig_of_name.sandbox.path().join("app");
        fs::set_permissions(app, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let mut kept = uri(rig.files.path().join("a.tar").to_str().unwrap());
    kept.extract = false;
    rig.fetch(vec![kept, uri(rig.files.path().join("i.txt.gz").to_str().unwrap())]).await.unwrap();
    assert_eq!(rig.names(), ["a.tar", "i.txt", "i.txt.gz"]);
    assert_eq!(rig.got("i.txt"), "single\n");
}

/// A tar with one entry of any name, which `tar` itself would not make.
fn hostile_tar(path: &Path, entries: &[(&str, Option<&str>)]) {
    let mut builder = tar::Builder::new(File::create(path).unwrap());
    for (name, link) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_mode(0o644);
        match link {
            Some(target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_link_name(target).unwrap();
                header.set_size(0);
                header.set_cksum();
                builder.append(&header, std::io::empty()).unwrap();
            }
            None => {
                header.set_size(4);
                header.set_cksum();
                builder.append(&header, &b"evil"[..]).unwrap();
            }
        }
    }
    builder.finish().unwrap();
}

#[actix_rt::test]
async fn nothing_of_an_archive_gets_out_of_the_sandbox() {
    let rig = Rig::start().await;
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().to_str().unwrap();
    let archives: [&[(&str, Option<&str>)]; 3] = [
        &[("../evil", None)],
        &[("dir", Some(target)), ("dir/evil", None)],
        &[("a/../../e", None)],
    ];
    for (number, entries) in archives.into_iter().enumerate() {
        let path = rig.files.path().join(format!("{number}.tar"));
        hostile_tar(&path, entries);
        let message = rig.failure(uri(path.to_str().unwrap())).await;
        assert!(message.contains("sandbox") || message.contains("failed to extract"), "{message}");
    }
    let absolute = rig.files.path().join("absolute.tar");
    hostile_tar(&absolute, &[("/evil-absolute", None)]);
    rig.fetch(vec![uri(absolute.to_str().unwrap())]).await.unwrap();
    assert_eq!(rig.got("evil-absolute"), "evil", "taken as relative, as tar does");

    let zip_path = rig.files.path().join("evil.zip");
    let mut zip = zip::ZipWriter::new(File::create(&zip_path).unwrap());
    zip.start_file("../evil", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"evil").unwrap();
    zip.finish().unwrap();
    let message = rig.failure(uri(zip_path.to_str().unwrap())).await;
    assert!(message.ends_with("archive entry `../evil` leads out of the sandbox"), "{message}");

    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    for place in
        [rig.sandbox.path().parent().unwrap().join("evil"), PathBuf::from("/evil-absolute")]
    {
        assert!(!place.exists(), "{}", place.display());
    }
}

#[actix_rt::test]
async fn an_archive_that_is_broken_or_has_no_end_is_given_up() {
    let config = FetcherConfig { max_extracted_bytes: 1 << 20, ..FetcherConfig::default() };
    let rig = Rig::start_with(config).await;
    tool(&rig, "head -c 8m /dev/zero > zeros && gzip -k zeros && tar czf z.tar.gz zeros");
    tool(&rig, "zip -q z.zip zeros && head -c 200 z.tar.gz > cut.tar.gz");
    tool(&rig, "tar cJf z.txz zeros && head -c 300 /dev/urandom > noise.tbz2");
    for name in ["zeros.gz", "z.tar.gz", "z.zip", "z.txz"] {
        let message = rig.failure(uri(rig.files.path().join(name).to_str().unwrap())).await;
        let why = "it is larger than the 1048576 bytes that are accepted";
        assert!(message.ends_with(why), "{message}");
    }
    for name in ["cut.tar.gz", "noise.tbz2"] {
        let message = rig.failure(uri(rig.files.path().join(name).to_str().unwrap())).await;
        assert!(message.contains(&format!("failed to extract `{name}`")), "{message}");
    }
}

#[actix_rt::test]
async fn a_user_gets_what_it_may_read_and_owns_everything() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let mut rig = Rig::start().await;
    rig.user = Some("nobody".into());
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap().uid;
    nix::unistd::chown(rig.sandbox.path(), Some(nobody), None).unwrap();
    let open = |path: &Path| fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    open(rig.files.path());
    let secret = rig.file("secret", b"secret");
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o640)).unwrap();
    let message = rig.failure(uri(&secret)).await;
    assert!(message.contains("Permission denied"), "{message}");
    assert_eq!(rig.names(), Vec::<String>::new());

    rig.file("src/dir/file", b"x");
    tool(&rig, "ln -s /etc/passwd src/link && tar cf a.tar -C src . && chmod 644 a.tar");
    let before = fs::metadata("/etc/passwd").unwrap().uid();
    rig.fetch(vec![uri(rig.files.path().join("a.tar").to_str().unwrap())]).await.unwrap();
    for name in ["a.tar", "dir", "dir/file", "link"] {
        let metadata = fs::symlink_metadata(rig.sandbox.path().join(name)).unwrap();
        assert_eq!(metadata.uid(), nobody.as_raw(), "{name}");
    }
    assert_eq!(fs::metadata("/etc/passwd").unwrap().uid(), before, "a link's target is untouched");
    rig.user = Some("no-such-user".into());
    let message = rig.failure(uri(&secret)).await;
    assert_eq!(message, "there is no user `no-such-user` on this machine");
}
