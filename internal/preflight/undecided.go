package preflight

// undecided is the finding of a check whose fact could not be read. The lack of
// a right to look is never a reason to stop: the missing permission is named.
func undecided(f Finding, u *Unread) Finding {
	f.Verdict, f.Evidence = Unknown, append(f.Evidence, u.Error())
	if u.Refused && u.Permission != "" {
		f.Fix = append(f.Fix, Fix{Text: "to decide it, have somebody give you a role with " + u.Permission + " at " + u.Scope})
	}
	return f
}
