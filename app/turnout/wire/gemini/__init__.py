"""Gemini: generateContent, streamGenerateContent (SSE and array form). The model and the verb stand in the URL."""
