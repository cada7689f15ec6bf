"""The actions of the pretend WHMCS's API, a file for each subject; a new action of the API comes here."""
