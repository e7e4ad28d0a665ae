//! The shipped units: what each promises, and that they are hardened alike.

#[test]
fn the_units_hold_what_they_promise() {
    let service = include_str!("../../config/strongroom.service");
    for (section, line) in [
        ("Unit", "OnFailure=strongroom-failed.service"),
        ("Service", "Type=oneshot"),
        ("Service", "ExecStart=/usr/bin/strongroom run --last-good"),
        ("Service", "User=strongroom"),
        ("Service", "StateDirectory=strongroom"),
        ("Service", "TimeoutStartSec=20h"),
        ("Service", "CapabilityBoundingSet=CAP_DAC_READ_SEARCH"),
        ("Service", "AmbientCapabilities=CAP_DAC_READ_SEARCH"),
        ("Service", "NoNewPrivileges=yes"),
        ("Service", "ProtectSystem=strict"),
        ("Service", "ProtectHome=read-only"),
        ("Service", "PrivateTmp=yes"),
        ("Service", "MemoryDenyWriteExecute=yes"),
        ("Service", "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK"),
        ("Service", "SystemCallFilter=@system-service"),
        ("Service", "SystemCallFilter=~@privileged @resources"),
        ("Service", "SystemCallFilter=landlock_create_ruleset landlock_add_rule landlock_restrict_self"),
        ("Service", "ProtectProc=invisible"),
        ("Service", "LoadCredential=smtp-password"),
    ] {
        assert!(unit(service).contains(&(section.into(), line.into())), "{section} {line}");
    }
    let timer = unit(include_str!("../../config/strongroom.timer"));
    for line in ["OnCalendar=*-*-* 01:30:00", "Persistent=true", "RandomizedDelaySec=45min", "Unit=strongroom.service"]
    {
        assert!(timer.contains(&("Timer".into(), line.into())), "{line}");
    }
    let serve = unit(include_str!("../../config/strongroom-serve.service"));
    for line in [
        "Type=notify",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "ExecStart=/usr/bin/strongroom serve",
        "WatchdogSec=5min",
        "Restart=on-failure",
    ] {
        assert!(serve.contains(&("Service".into(), line.into())), "{line}");
    }
    // As hardened as the nightly job.
    let hardening = |(section, line): &(String, String)| {
        section == "Service" && !["Type=", "Exec", "TimeoutSt"].iter().any(|other| line.starts_with(other))
    };
    for setting in unit(service).iter().filter(|s| hardening(s)) {
        assert!(serve.contains(setting), "{setting:?}");
    }
    let failed = unit(include_str!("../../config/strongroom-failed.service"));
    assert!(failed.contains(&("Service".into(), "ExecStart=/usr/bin/strongroom notify failed".into())));
    let cron = include_str!("../../config/strongroom.cron");
    let jobs: Vec<&str> = cron.lines().filter(|l| l.starts_with(|c: char| c.is_ascii_digit())).collect();
    assert_eq!(jobs, ["30 1 * * * root /usr/bin/strongroom --quiet run --last-good"]);
}

/// A unit's settings with their sections; every line must be one, a comment or a header.
pub fn unit(text: &str) -> Vec<(String, String)> {
    let (mut section, mut out) = (String::new(), Vec::new());
    for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name.to_owned();
        } else {
            assert!(line.contains('=') && !section.is_empty() && line.trim() == line, "{line:?}");
            assert!(!out.contains(&(section.clone(), line.to_owned())), "twice: {line}");
            out.push((section.clone(), line.to_owned()));
        }
    }
    out
}
