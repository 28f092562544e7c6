"""Google's Gemini API, Interactions."""
