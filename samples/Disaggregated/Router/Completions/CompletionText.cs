using System.Text;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// The text of one answer, from its tokens, up to the first stop text. It belongs to the answer and not to the engine: where an engine dies in the
/// middle of a character, the next one's bytes complete it. Not thread-safe.
/// </summary>
internal sealed class CompletionText(ITokenizer tokenizer, string[] stops)
{
    private readonly ITokenStream _stream = tokenizer.CreateStream();
    private readonly StringBuilder _held = new();

    /// <summary>A stop text has been reached: nothing more comes.</summary>
    internal bool Stopped { get; private set; }

    /// <summary>The text that can be shown after this token; what may be the beginning of a stop text is kept back.</summary>
    internal string Append(int token) => Stopped ? "" : Take(_stream.Append(token), atEnd: false);

    /// <summary>What was kept back.</summary>
    internal string Finish() => Stopped ? "" : Take(_stream.Finish(), atEnd: true);

    private string Take(string text, bool atEnd)
    {
        if (stops.Length == 0) return text;
        var all = _held.Append(text).ToString();
        var end = stops.Select(stop => all.IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(-1).Min();
        Stopped = end >= 0;
        if (!Stopped) end = all.Length - (atEnd ? 0 : stops.Max(stop => Begun(all, stop)));
        _held.Remove(0, end);
        return all[..end];
    }

    // How many characters at the end of a text are the beginning of a stop text.
    private static int Begun(string text, string stop)
    {
        for (var length = Math.Min(stop.Length - 1, text.Length); length > 0; length--)
            if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length))) return length;
        return 0;
    }
}
