"""Pointing other people's tools at Turnout: their own files edited with comments kept, and put back byte for byte."""
