"""Parts of screens: from what the engine says to lines of text, at any width. Pure: no panel knows a screen."""
