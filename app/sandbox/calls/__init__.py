"""The actions of the pretend WHMCS's API, one file per subject; add new API actions here."""
