package router

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// stayIn refuses a chat request that would have the model's service reach
// somewhere on the agent's behalf: a data source to search, with an address of
// the agent's choice, or a picture to fetch. Either would carry what the agent
// likes past the router. Pictures may come along as data URLs. Sources:
// learn.microsoft.com/azure/ai-services/openai/references/on-your-data,
// learn.microsoft.com/azure/ai-services/openai/how-to/gpt-with-vision
func stayIn(fields map[string]json.RawMessage) *failure {
	for name, value := range fields {
		switch strings.ToLower(name) {
		case "data_sources", "datasources", "web_search_options":
			return newFailure(http.StatusForbidden, CodeReferenceNotAllowed,
				fmt.Sprintf("%q would have the model's service reach other addresses, which agents may not", clip(name)))
		case "tools":
			if f := onlyFunctions(value); f != nil {
				return f
			}
		case "messages":
			// Tokens, because an object may name a field twice, and which of
			// the two counts is for the endpoint to say.
			if address, found := addressIn(json.NewDecoder(bytes.NewReader(value)), "", ""); found {
				return newFailure(http.StatusForbidden, CodeReferenceNotAllowed,
					fmt.Sprintf("the model's service would fetch %q, which agents may not; send it as a data URL", clip(address)))
			}
		}
	}
	return nil
}

// onlyFunctions admits tools that the agent itself runs.
func onlyFunctions(raw json.RawMessage) *failure {
	var tools []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &tools); err != nil {
		return newFailure(http.StatusBadRequest, CodeBadRequest, "tools is not a list of objects")
	}
	for _, tool := range tools {
		for name, value := range tool {
			if !strings.EqualFold(name, "type") {
				continue
			}
			var kind string
			if err := json.Unmarshal(value, &kind); err != nil || kind != "function" && kind != "custom" {
				return newFailure(http.StatusForbidden, CodeReferenceNotAllowed,
					fmt.Sprintf("a tool of type %s is run by the model's service, which agents may not have", clip(string(value))))
			}
		}
	}
	return nil
}

// addressIn finds an address that is to be fetched: a text under the name url,
// or one that ends so, that is no data URL. The addresses that citations name
// are only shown.
func addressIn(d *json.Decoder, parent, name string) (string, bool) {
	token, err := d.Token()
	if err != nil {
		return "", false // the whole request was parsed before
	}
	switch token := token.(type) {
	case string:
		return token, fetched(parent, name) && !strings.HasPrefix(strings.ToLower(strings.TrimSpace(token)), "data:")
	case json.Delim:
		for d.More() {
			key, within := name, parent
			if token == '{' {
				t, err := d.Token()
				if err != nil {
					return "", false
				}
				key, _ = t.(string)
				within = name
			}
			if address, found := addressIn(d, within, key); found {
				return address, true
			}
		}
		_, _ = d.Token() // the closing bracket
	}
	return "", false
}

func fetched(parent, name string) bool {
	name = strings.ToLower(name)
	return (name == "url" && !strings.EqualFold(parent, "url_citation")) || strings.HasSuffix(name, "_url")
}
