using System.Text;

namespace Nixl.Sdk.Generators.Emitting;

/// <summary>Text with indentation. Lines end with \n on every machine, so that output is deterministic.</summary>
/// <param name="depth">How many levels the first line is indented.</param>
internal sealed class SourceWriter(int depth = 0)
{
    private readonly StringBuilder _text = new();
    private int _depth = depth;

    public void Line(string line = "")
    {
        if (line.Length > 0)
            _text.Append(' ', _depth * 4).Append(line);
        _text.Append('\n');
    }

    public void Open(string line)
    {
        Line(line);
        Line("{");
        _depth++;
    }

    public void Close()
    {
        _depth--;
        Line("}");
    }

    /// <summary>A documented member of one line.</summary>
    public void Member(string summary, string line)
    {
        Line("/// <summary>" + summary + "</summary>");
        Line(line);
    }

    public override string ToString() => _text.ToString();
}
