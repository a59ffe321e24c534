package graph

import "strings"

// path is a request's path, taken apart:
// /v1.0/applications/<key>/microsoft.graph.agentIdentityBlueprint/federatedIdentityCredentials/<x>.
type path struct {
	version    string // v1.0 or beta
	collection string // in lower case
	key        key
	cast       string // the type of a cast segment, in lower case without its namespace
	tail       []string
}

// key picks one object: by its id, or by an alternate key, (appId='…').
type key struct {
	property string // in lower case; "id" for the plain form
	value    string
}

func (k key) zero() bool { return k.property == "" }

// maxSegments bounds a path; Graph's own go no deeper than this here.
const maxSegments = 8

func parsePath(raw string) (path, error) {
	segments := strings.Split(strings.Trim(raw, "/"), "/")
	if len(segments) < 2 || len(segments) > maxSegments {
		return path{}, errBadRequest("Invalid version.")
	}
	p := path{version: strings.ToLower(segments[0])}
	if p.version != "v1.0" && p.version != "beta" {
		return path{}, errBadRequest("Invalid version: " + segments[0] + ".")
	}
	name, k, err := parseSegment(segments[1])
	if err != nil {
		return path{}, err
	}
	p.collection, p.key = strings.ToLower(name), k
	for _, segment := range segments[2:] {
		cast, isCast := castOf(segment)
		switch {
		case isCast && p.cast == "":
			p.cast = cast
		case p.key.zero() && len(p.tail) == 0 && keyed(p.collection):
			p.key = key{"id", segment}
		default:
			p.tail = append(p.tail, segment)
		}
	}
	return p, nil
}

// keyed says whether the segment after a collection is the id of one of its
// objects.
func keyed(collection string) bool {
	switch collection {
	case "me", "directory", "rolemanagement":
		return false
	}
	return true
}

// castOf reads a cast segment, "microsoft.graph.agentIdentity" or
// "graph.agentIdentity".
func castOf(segment string) (string, bool) {
	name := strings.ToLower(segment)
	for _, namespace := range []string{"microsoft.graph.", "graph."} {
		if cast, ok := strings.CutPrefix(name, namespace); ok && cast != "" {
			return cast, true
		}
	}
	return "", false
}

// parseSegment reads "name" or "name(property='value')". A quote inside the
// value is doubled.
func parseSegment(segment string) (string, key, error) {
	name, inside, has := strings.Cut(segment, "(")
	if !has {
		return segment, key{}, nil
	}
	bad := errBadRequest("Resource not found for the segment '" + segment + "'.")
	inside, closed := strings.CutSuffix(inside, ")")
	property, value, given := strings.Cut(inside, "=")
	if !closed || name == "" {
		return "", key{}, bad
	}
	if !given {
		property, value = "id", inside
	}
	if len(value) < 2 || value[0] != '\'' || value[len(value)-1] != '\'' {
		return "", key{}, bad
	}
	text := strings.ReplaceAll(value[1:len(value)-1], "''", "'")
	return name, key{strings.ToLower(strings.TrimSpace(property)), text}, nil
}

// at returns a segment of the tail in lower case, or "".
func (p path) at(i int) string {
	if i >= len(p.tail) {
		return ""
	}
	return strings.ToLower(p.tail[i])
}
