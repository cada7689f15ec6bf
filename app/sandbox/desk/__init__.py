"""What staff and cron do in the pretend WHMCS, a file for each subject."""
