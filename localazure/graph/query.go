package graph

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
)

// Pages hold 100 objects unless $top says otherwise, and never more than 999;
// learn.microsoft.com/graph/paging.
const (
	defaultPage = 100
	maxPage     = 999
)

// query is the OData part of a request's query.
type query struct {
	selected []string
	filter   filter // nil lets everything through
	top      int
	after    string // the id that the page before ended with
	count    bool
	expanded []expansion
	url      *url.URL // for the link to the next page
}

func parseQuery(u *url.URL) (query, error) {
	q := query{top: defaultPage, url: u}
	values, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return q, errBadRequest("The query string cannot be read.")
	}
	for name := range values {
		value := values.Get(name)
		switch strings.ToLower(strings.TrimPrefix(name, "$")) {
		case "select":
			q.selected = splitList(value)
		case "top":
			q.top, err = strconv.Atoi(value)
			if err != nil || q.top < 1 || q.top > maxPage {
				return q, errBadRequest("Invalid page size specified: '" + value + "'. Must be between 1 and 999 inclusive.")
			}
		case "filter":
			if q.filter, err = parseFilter(value); err != nil {
				return q, err
			}
		case "skiptoken":
			raw, err := base64.RawURLEncoding.DecodeString(value)
			if err != nil {
				return q, errBadRequest("The $skiptoken is not one of ours.")
			}
			q.after = string(raw)
		case "count":
			q.count = strings.EqualFold(value, "true")
		case "expand":
			if q.expanded, err = parseExpand(value); err != nil {
				return q, err
			}
		case "orderby", "search", "skip", "format", "apply":
			return q, errUnsupported(name)
		}
	}
	return q, nil
}

func splitList(s string) []string {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// next is the link to the page after the object with this id.
func (q query) next(last string) string {
	values, _ := url.ParseQuery(q.url.RawQuery) // parsed before
	values.Set("$skiptoken", base64.RawURLEncoding.EncodeToString([]byte(last)))
	link := url.URL{Scheme: "https", Host: Host, Path: q.url.Path, RawQuery: values.Encode()}
	return link.String()
}
