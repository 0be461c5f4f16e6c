using System.Globalization;
using System.Text;
using Microsoft.CodeAnalysis.Text;

namespace Nixl.Sdk.Generators.ModelFiles;

/// <summary>
/// Reads JSON, bounded in depth and length. Written by hand because a generator can load only what the compiler's host happens to have:
/// System.Text.Json is there in some hosts and versions and not in others, and shipping it beside the generator clashes with them.
/// </summary>
internal sealed class JsonReader
{
    public const int MaxLength = 1 << 20;
    private const int MaxDepth = 64;

    private readonly string _text;
    private int _at;
    private string? _error;

    private JsonReader(string text) => _text = text;

    /// <summary>The value, or null with what is wrong and where (both from 0).</summary>
    public static JsonValue? Read(string text, out string? error, out LinePosition position)
    {
        var reader = new JsonReader(text);
        var value = text.Length > MaxLength
            ? reader.Fail(FormattableString.Invariant($"it is longer than {MaxLength} characters"))
            : reader.ReadValue(0);
        if (value is not null)
        {
            reader.SkipBlanks();
            if (reader._at < text.Length)
                value = reader.Fail("there is something behind the end of the value");
        }
        error = reader._error;
        position = reader.Position();
        return value;
    }

    private JsonValue? ReadValue(int depth)
    {
        SkipBlanks();
        if (depth > MaxDepth)
            return Fail(FormattableString.Invariant($"it is nested deeper than {MaxDepth} levels"));
        if (_at >= _text.Length)
            return Fail("it ends where a value is expected");
        return _text[_at] switch
        {
            '{' => ReadObject(depth),
            '[' => ReadArray(depth),
            '"' => ReadText() is { } text ? new JsonValue(JsonKind.Text, text) : null,
            'n' => ReadWord("null", JsonKind.Null),
            't' => ReadWord("true", JsonKind.True),
            'f' => ReadWord("false", JsonKind.False),
            'N' => ReadWord("NaN", JsonKind.Number), // Python writes these two, though JSON does not have them.
            'I' => ReadWord("Infinity", JsonKind.Number),
            _ => ReadNumber(),
        };
    }

    private JsonValue? ReadObject(int depth)
    {
        var value = new JsonValue(JsonKind.Object);
        _at++;
        if (Take('}'))
            return value;
        do
        {
            SkipBlanks();
            if (_at >= _text.Length || _text[_at] != '"')
                return Fail("a name in quotation marks is expected");
            if (ReadText() is not { } name)
                return null;
            if (!Take(':'))
                return Fail("':' is expected");
            if (ReadValue(depth + 1) is not { } member)
                return null;
            value.Members[name] = member;
        }
        while (Take(','));
        return Take('}') ? value : Fail("',' or '}' is expected");
    }

    private JsonValue? ReadArray(int depth)
    {
        var value = new JsonValue(JsonKind.Array);
        _at++;
        if (Take(']'))
            return value;
        do
        {
            if (ReadValue(depth + 1) is not { } item)
                return null;
            value.Items.Add(item);
        }
        while (Take(','));
        return Take(']') ? value : Fail("',' or ']' is expected");
    }

    private string? ReadText()
    {
        var text = new StringBuilder();
        _at++;
        while (_at < _text.Length && _text[_at] != '"')
        {
            var c = _text[_at];
            if (c < ' ')
                return FailText("a text contains a control character");
            _at++;
            if (c != '\\')
            {
                text.Append(c);
                continue;
            }
            if (_at >= _text.Length || ReadEscape() is not { } escaped)
                return FailText("an escape sequence is not understood");
            text.Append(escaped);
        }
        if (_at >= _text.Length)
            return FailText("a text is not closed");
        _at++;
        return text.ToString();
    }

    private char? ReadEscape()
    {
        const string Codes = "\"\\/bfnrt", Characters = "\"\\/\b\f\n\r\t";
        var code = _text[_at++];
        var known = Codes.IndexOf(code);
        if (known >= 0)
            return Characters[known];
        if (code != 'u' || _at + 4 > _text.Length ||
            !ushort.TryParse(_text.Substring(_at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value))
        {
            return null;
        }
        _at += 4;
        return (char)value;
    }

    private JsonValue? ReadNumber()
    {
        var start = _at;
        if (_text[_at] == '-')
            _at++;
        if (_at < _text.Length && _text[_at] == 'I')
            return ReadWord("Infinity", JsonKind.Number);
        while (_at < _text.Length && (_text[_at] is >= '0' and <= '9' or '.' or 'e' or 'E' or '+' or '-'))
            _at++;
        var text = _text.Substring(start, _at - start);
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _))
            return new JsonValue(JsonKind.Number, text);
        _at = start;
        return Fail(text.Length == 0 ? "'" + _text[start] + "' is not the beginning of a value" : text + " is not a number");
    }

    private JsonValue? ReadWord(string word, JsonKind kind)
    {
        if (string.CompareOrdinal(_text, _at, word, 0, word.Length) != 0)
            return Fail("'" + _text[_at] + "' is not the beginning of a value");
        _at += word.Length;
        return new JsonValue(kind, word);
    }

    private bool Take(char expected)
    {
        SkipBlanks();
        if (_at >= _text.Length || _text[_at] != expected)
            return false;
        _at++;
        return true;
    }

    private void SkipBlanks()
    {
        while (_at < _text.Length && (_text[_at] is ' ' or '\t' or '\n' or '\r' or '\uFEFF'))
            _at++;
    }

    // The first failure counts: what follows from it says nothing.
    private JsonValue? Fail(string error)
    {
        _error ??= error;
        return null;
    }

    private string? FailText(string error)
    {
        _error ??= error;
        return null;
    }

    private LinePosition Position()
    {
        var line = 0;
        var lineStart = 0;
        for (var i = 0; i < _at && i < _text.Length; i++)
        {
            if (_text[i] != '\n')
                continue;
            line++;
            lineStart = i + 1;
        }
        return new LinePosition(line, Math.Min(_at, _text.Length) - lineStart);
    }
}
