namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// What the live page shows, kept whether somebody looks or not: the last requests and the last lines of the log. A viewer asks for what is newer
/// than the version that he has, so that a slow one costs nobody anything and misses only what was in between. Bounded; thread-safe.
/// </summary>
internal sealed class LiveFeed
{
    private const int MostRequests = 60, MostLines = 200, PromptCharacters = 160, LineCharacters = 500;

    /// <summary>The most of a prompt's tokens that are looked at: their text is cut.</summary>
    internal const int PromptTokens = 4 * PromptCharacters;

    private readonly Lock _lock = new();
    private readonly Queue<RequestTrace> _requests = new();
    private readonly Queue<(long Version, LiveLog Line)> _log = new();
    private long _version, _lines;

    /// <summary>The newest version.</summary>
    internal long Version => Interlocked.Read(ref _version);

    internal long NextVersion() => Interlocked.Increment(ref _version);

    internal void Log(LogKind kind, string text)
    {
        lock (_lock)
        {
            _log.Enqueue((NextVersion(), new LiveLog(++_lines, Clock.Now, kind, Cut(text, LineCharacters))));
            if (_log.Count > MostLines) _log.Dequeue();
        }
    }

    /// <summary>A request begins; its time line is kept until enough others have begun.</summary>
    internal RequestTrace Begin(string id, string prompt, int promptTokens, int maxTokens)
    {
        lock (_lock)
        {
            var trace = new RequestTrace(this, id, Cut(prompt, PromptCharacters), promptTokens, maxTokens);
            _requests.Enqueue(trace);
            if (_requests.Count > MostRequests) _requests.Dequeue();
            return trace;
        }
    }

    private static string Cut(string text, int most) => text.Length > most ? $"{text.AsSpan(0, most)}…" : text;

    /// <summary>The requests that have changed after a version, the oldest first.</summary>
    internal LiveRequest[] RequestsSince(long version)
    {
        RequestTrace[] traces;
        lock (_lock) traces = [.. _requests];
        return [.. traces.Where(trace => trace.Version > version).Select(trace => trace.View())];
    }

    /// <summary>The lines that were written after a version.</summary>
    internal LiveLog[] LogSince(long version)
    {
        lock (_lock) return [.. _log.Where(entry => entry.Version > version).Select(entry => entry.Line)];
    }
}
