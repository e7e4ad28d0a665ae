//! What `backup` and `prune` take.

/// `backup`
#[derive(Debug, clap::Args)]
pub struct BackupArgs {
    /// Only this set
    #[arg(long, value_name = "NAME")]
    pub set: Option<String>,
    /// Read every file, also those that look unchanged
    #[arg(long)]
    pub reread: bool,
    /// You have looked: a folder may lie on another disk or share than last time
    #[arg(long)]
    pub accept_mounts: bool,
}

/// `prune`
#[derive(Debug, clap::Args)]
pub struct PruneArgs {
    /// How many days unneeded data waits before it is deleted (default: prune_grace_days of the configuration)
    #[arg(long, value_name = "DAYS")]
    pub grace: Option<u32>,
    /// A person says yes: go on although much would be deleted at once
    #[arg(long)]
    pub yes: bool,
    /// Show what would be done; do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// For this once, keep the newest N snapshots of each set
    #[arg(long, value_name = "N", help_heading = "Instead of the configured rule")]
    pub keep_last: Option<u32>,
    /// For this once, keep one of each of N days
    #[arg(long, value_name = "N", help_heading = "Instead of the configured rule")]
    pub keep_daily: Option<u32>,
    /// For this once, keep one of each of N weeks
    #[arg(long, value_name = "N", help_heading = "Instead of the configured rule")]
    pub keep_weekly: Option<u32>,
    /// For this once, keep one of each of N months
    #[arg(long, value_name = "N", help_heading = "Instead of the configured rule")]
    pub keep_monthly: Option<u32>,
    /// For this once, keep one of each of N years
    #[arg(long, value_name = "N", help_heading = "Instead of the configured rule")]
    pub keep_yearly: Option<u32>,
}
