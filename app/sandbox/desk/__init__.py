"""Actions of staff and cron in the pretend WHMCS, one file per subject."""
