using System.Globalization;

namespace Nixl.Sdk.Samples.Weights;

/// <summary>What a new engine found; with --json the last line of stdout. Times in milliseconds.</summary>
internal sealed record DemoReport
{
    public required int Ranks { get; init; }

    /// <summary>peer or disk.</summary>
    public required string Source { get; init; }

    /// <summary>Why the peer's weights could not be had.</summary>
    public required string? Error { get; init; }

    public required string Transport { get; init; }

    public required string TransportProvider { get; init; }

    /// <summary>0 on another machine.</summary>
    public required long PeerProcessId { get; init; }

    public required int ProcessId { get; init; }

    /// <summary>Bytes that all ranks read, in one load.</summary>
    public required long Bytes { get; init; }

    public required long Pieces { get; init; }

    public required long Operations { get; init; }

    public required IReadOnlyList<long> BytesPerRank { get; init; }

    /// <summary>Until every shard was ready, agents, metadata, index, registration and checksums included: the first load and the best.</summary>
    public required double FirstMs { get; init; }

    public required double BestMs { get; init; }

    /// <summary>The slowest rank's registering, reading and verifying, in the best load.</summary>
    public required double ReadMs { get; init; }

    public required double GbPerS { get; init; }

    /// <summary>Bytes of the weights' files.</summary>
    public required long FileBytes { get; init; }

    /// <summary>The same shards from a file in the page cache, without checksums.</summary>
    public required double DiskFirstMs { get; init; }

    public required double DiskBestMs { get; init; }

    public required long LogitsCompared { get; init; }

    public required bool Identical { get; init; }

    internal static DemoReport Create(
        LoadTask task, PeerReady peer, List<LoadStatistics[]> loads, List<TimeSpan> fromPeer, List<TimeSpan> fromDisk, bool identical, long compared, string? error)
    {
        var best = fromPeer.Count == 0 ? -1 : fromPeer.IndexOf(fromPeer.Min());
        var ranks = best < 0 ? [] : loads[best];
        var (bytes, read) = (ranks.Sum(rank => rank.Bytes), best < 0 ? 0 : ranks.Max(rank => rank.Reading.TotalSeconds));
        return new DemoReport
        {
            Ranks = task.Ranks,
            Source = error is null ? "peer" : "disk",
            Error = error,
            Transport = best < 0 ? "" : ranks[0].Transport.ToLowerInvariant(),
            TransportProvider = best < 0 ? "" : ranks[0].Provider,
            PeerProcessId = best < 0 ? peer.ProcessId : ranks[0].PeerProcessId,
            ProcessId = Environment.ProcessId,
            Bytes = bytes,
            Pieces = ranks.Sum(rank => (long)rank.Pieces),
            Operations = ranks.Sum(rank => rank.Operations),
            BytesPerRank = [.. ranks.Select(rank => rank.Bytes)],
            FirstMs = best < 0 ? 0 : fromPeer[0].TotalMilliseconds,
            BestMs = best < 0 ? 0 : fromPeer[best].TotalMilliseconds,
            ReadMs = read * 1e3,
            GbPerS = read > 0 ? bytes / read / 1e9 : 0,
            FileBytes = Directory.GetFiles(task.Model, "*.safetensors").Sum(path => new FileInfo(path).Length),
            DiskFirstMs = fromDisk[0].TotalMilliseconds,
            DiskBestMs = fromDisk.Min().TotalMilliseconds,
            LogitsCompared = compared,
            Identical = identical,
        };
    }

    internal void Print(TextWriter output)
    {
        if (Error is null)
        {
            Line($"new engine  process {ProcessId}, {Ranks} rank(s), each with an agent of its own; peer process {PeerProcessId}");
            Line($"transport   {Transport}: {TransportProvider}");
            Line($"read        {ByteSize.Format(Bytes)} ({string.Join(" + ", BytesPerRank)} bytes) in {Pieces} pieces, {Operations} operations, every byte under a checksum");
            Line($"from peer   ready after {FirstMs:0.0} ms the first time, {BestMs:0.0} ms at best; of that {ReadMs:0.0} ms to register, read and verify = {GbPerS:0.00} GB/s");
        }
        else
        {
            Line($"from peer   not to be had, so loaded from disk: {Error}");
        }
        Line($"from disk   ready after {DiskFirstMs:0.0} ms, {DiskBestMs:0.0} ms at best: {ByteSize.Format(FileBytes)} of files, in the page cache (it was read just before), no checksums");
        Line($"logits      bit for bit those of the model from disk: {(Identical ? "yes" : "no")} ({LogitsCompared} compared)");

        void Line(FormattableString text) => output.WriteLine(text.ToString(CultureInfo.InvariantCulture));
    }
}
