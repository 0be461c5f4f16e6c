using Nixl.Sdk.Serving;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Puts together what belongs together: each rank of a decode engine asks each of our ranks that has something for it, so that one prompt comes
/// as several requests of the same name. What does not become complete in time is given back.
/// </summary>
internal sealed class PrefillGather(TimeSpan timeout, Func<string, PromptMessage, IReadOnlyList<(int Rank, KvPush Push)>, Task> complete)
{
    private readonly Dictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    /// <summary>Takes a request that came to one of our ranks. Owns it from now on.</summary>
    internal async Task AddAsync(int rank, KvPush push)
    {
        Entry? whole = null;
        string? problem = null;
        try
        {
            lock (_lock)
            {
                if (!_entries.TryGetValue(push.Name, out var entry)) _entries.Add(push.Name, entry = new Entry(push.Payload, PromptMessage.Parse(push.Payload.Span)));
                if (!entry.Payload.Span.SequenceEqual(push.Payload.Span)) problem = "its parts ask for different prompts";
                else if (entry.Pushes.Exists(known => known.Rank == rank && known.Push.Consumer == push.Consumer)) problem = "a part of it came twice";
                else entry.Pushes.Add((rank, push));
                if (problem is null && entry.Pushes.Count == 1) _ = ExpireAsync(push.Name, entry);
                if (problem is null && entry.Pushes.Count == entry.Message.Pushes && _entries.Remove(push.Name)) whole = entry;
            }
        }
        catch (InvalidDataException e)
        {
            problem = e.Message;
        }
        if (problem is not null) await push.FailAsync($"The request '{push.Name}' is refused: {problem}");
        if (whole is null) return;
        whole.Done.SetResult();
        await complete(push.Name, whole.Message, whole.Pushes);
    }

    /// <summary>The parts of a prompt come within milliseconds of each other; what lacks one after the deadline never gets it.</summary>
    private async Task ExpireAsync(string name, Entry entry)
    {
        try
        {
            await entry.Done.Task.WaitAsync(timeout, entry.Pushes[0].Push.Stopped);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            lock (_lock)
            {
                if (!_entries.TryGetValue(name, out var still) || still != entry) return;
                _entries.Remove(name);
            }
            foreach (var (_, push) in entry.Pushes)
                await push.FailAsync($"Only {entry.Pushes.Count} of {entry.Message.Pushes} parts of '{name}' have come{(e is TimeoutException ? $" within {timeout.TotalSeconds} s" : "")}.");
        }
    }

    private sealed class Entry(ReadOnlyMemory<byte> payload, PromptMessage message)
    {
        internal ReadOnlyMemory<byte> Payload => payload;

        internal PromptMessage Message => message;

        internal List<(int Rank, KvPush Push)> Pushes { get; } = [];

        internal TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
