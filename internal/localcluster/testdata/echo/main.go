// Command echo answers questions about the pod that it runs in.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

func main() {
	http.HandleFunc("GET /hello", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s", r.FormValue("name"))
	})
	http.HandleFunc("GET /file", func(w http.ResponseWriter, r *http.Request) {
		data, err := os.ReadFile(r.FormValue("path"))
		answer(w, string(data), err)
	})
	http.HandleFunc("GET /dial", func(w http.ResponseWriter, r *http.Request) {
		c, err := net.DialTimeout("tcp", r.FormValue("address"), 5*time.Second)
		if err == nil {
			c.Close()
		}
		answer(w, "connected", err)
	})
	http.HandleFunc("GET /lookup", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
		defer cancel()
		ips, err := (&net.Resolver{PreferGo: true}).LookupHost(ctx, r.FormValue("name"))
		answer(w, strings.Join(ips, " "), err)
	})
	log.Print("listening")
	log.Fatal(http.ListenAndServe(":8080", nil))
}

func answer(w http.ResponseWriter, text string, err error) {
	if err != nil {
		text = "error: " + err.Error()
	}
	fmt.Fprint(w, text)
}
