use super::*;

fn prefix() -> (tempfile::TempDir, Location) {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Prefix(folder.path().to_owned());
    (folder, location)
}

/// An absolute path on this platform.
fn program(name: &str) -> PathBuf {
    std::env::temp_dir().join(name)
}

#[test]
fn the_spec_starts_the_program() {
    let spec = kernel_json(Path::new("/opt/momentum/bin/momentum"), &[]).unwrap();
    insta::assert_snapshot!(spec, @r#"
    {
      "argv": [
        "/opt/momentum/bin/momentum",
        "kernel",
        "serve",
        "{connection_file}"
      ],
      "display_name": "Rust (Momentum)",
      "language": "rust",
      "interrupt_mode": "message",
      "env": {},
      "metadata": {
        "debugger": false
      }
    }
    "#);
}

#[test]
fn a_second_install_replaces_the_first_and_leaves_nothing_else() {
    let (_keep, location) = prefix();
    install(&program("first"), &[], &location).unwrap();
    let folder = install(&program("second"), &[], &location).unwrap();
    assert!(std::fs::read_to_string(folder.join("kernel.json")).unwrap().contains("second"));
    for (name, bytes) in LOGOS {
        assert_eq!(std::fs::read(folder.join(name)).unwrap(), bytes);
    }
    let beside: Vec<_> = std::fs::read_dir(folder.parent().unwrap()).unwrap().collect();
    assert_eq!(beside.len(), 1, "{beside:?}");
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let (keep, _) = prefix();
    let file = keep.path().join("file");
    std::fs::write(&file, "in the way").unwrap();
    let error = install(&program("momentum"), &[], &Location::Prefix(file.clone())).unwrap_err();
    assert!(matches!(&error, KernelspecError::Write { path, .. } if path.starts_with(&file)));
    assert!(error.to_string().contains("--prefix"), "{error}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "in the way");
}

#[test]
fn only_what_is_there_is_removed() {
    let (_keep, location) = prefix();
    let error = uninstall(&location).unwrap_err();
    assert!(matches!(error, KernelspecError::NotInstalled { .. }));
    let folder = install(&program("momentum"), &[], &location).unwrap();
    assert_eq!(uninstall(&location).unwrap(), folder);
    assert!(!folder.exists() && folder.parent().unwrap().exists());
}

#[test]
fn relative_programs_are_refused() {
    let error = kernel_json(Path::new("target/momentum"), &[]).unwrap_err();
    insta::assert_snapshot!(error, @"the program's path target/momentum is not absolute");
}

#[test]
fn the_data_folder_is_the_one_that_jupyter_uses() {
    let with = |set: &'static [(&str, &str)]| {
        user_data_dir(move |name| {
            set.iter().find(|(n, _)| *n == name).map(|(_, value)| OsString::from(value))
        })
    };
    let own = with(&[("JUPYTER_DATA_DIR", "/data"), ("HOME", "/me")]).unwrap();
    assert_eq!(own, Path::new("/data"));
    assert!(matches!(with(&[("HOME", "")]), Err(KernelspecError::NoHome)));
    if cfg!(target_os = "linux") {
        assert_eq!(with(&[("HOME", "/me")]).unwrap(), Path::new("/me/.local/share/jupyter"));
        assert_eq!(
            with(&[("HOME", "/me"), ("XDG_DATA_HOME", "/x")]).unwrap(),
            Path::new("/x/jupyter")
        );
    }
}
