using System.Globalization;
using System.Text;

namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>
/// Prints the demo for a person. Answers are made at the same time; the first unfinished one is streamed, those behind it wait
/// for their turn.
/// </summary>
internal sealed class DemoConsole(TextWriter output, int requests)
{
    private readonly Dictionary<string, StringBuilder> _held = new(StringComparer.Ordinal);
    private int _current = 1;
    private bool _open;

    internal void Started(DemoSession session, DemoOptions options)
    {
        var connected = session.Connected;
        Line($"prefill engine  process {session.PrefillReady.ProcessId}, agent {session.PrefillReady.Engine.Ranks[0].Agent}, {session.PrefillReady.Blocks} blocks");
        Line($"decode engine   process {session.DecodeReady.ProcessId}, agent {session.DecodeReady.Engine.Ranks[0].Agent}, {session.DecodeReady.Blocks} blocks");
        Line($"transport       {connected.Transport}: {Join(" ", connected.Provider, connected.Version)}{(connected.Reason.Length > 0 ? $" ({connected.Reason})" : "")}");
        Line($"layout          {nameof(KjvBytesKv)} {session.DecodeReady.Fingerprint}, {KjvBytesKv.BytesPerBlock} bytes in {KjvBytesKv.PiecesPerBlock} pieces per block of {KjvBytesKv.BlockTokens} tokens");
        Line($"requests        {options.Prompts.Count} at once, up to {options.MaxNewTokens} new tokens each, seed {options.Seed}");
    }

    /// <summary>New text of a request.</summary>
    internal void Text(DemoRequest request, string text)
    {
        if (request.Number != _current)
        {
            Held(request).Append(text);
            return;
        }
        Open(request);
        output.Write(text);
        output.Flush();
    }

    /// <summary>Closes requests that are complete and goes on with the next.</summary>
    internal void Progress(IReadOnlyList<DemoRequest> all)
    {
        while (_current <= all.Count && all[_current - 1] is { Finished: not null } done)
        {
            Open(done);
            output.WriteLine();
            Figures(done);
            _open = false;
            _current++;
            if (_current <= all.Count && _held.ContainsKey(all[_current - 1].Id)) Open(all[_current - 1]);
        }
    }

    internal void Counted(DemoReport report)
    {
        Line("");
        Line($"KV transferred  {report.KvBytes} bytes in {report.Blocks} blocks; counted by the transport: {report.CountedBytes} bytes in {report.Transfers} transfers");
        Line($"prompt tokens   {report.PromptTokensComputedByPrefill} computed by the prefill engine, {report.PromptTokensComputedByDecode} by the decode engine");
        Line($"transfer        P50 {report.TransferMsP50:0.000} ms, P99 {report.TransferMsP99:0.000} ms from the first layer to the last, P50 {report.ExposedMsP50:0.000} ms after the computing; first token P50 {report.TtftMsP50:0.0} ms");
        foreach (var problem in report.Problems) Line($"error: {problem}");
        Line($"tokens identical to monolithic: {(report.Identical ? "yes" : "no")} ({report.IdenticalRequests}/{report.Requests})");
    }

    internal void Line(string text)
    {
        output.WriteLine(text);
        output.Flush();
    }

    private void Open(DemoRequest request)
    {
        if (_open) return;
        _open = true;
        output.WriteLine();
        output.Write($"[{request.Number}/{requests}] {request.Prompt}>");
        if (_held.Remove(request.Id, out var held)) output.Write(held);
        output.Flush();
    }

    private void Figures(DemoRequest request)
    {
        var moved = request.Arrived;
        Line(moved is null
            ? $"  {request.Tokens.Length} prompt tokens did not come from the prefill engine: {request.Failure}"
            : string.Create(CultureInfo.InvariantCulture,
                $"  {request.Tokens.Length} prompt tokens in {request.Blocks} blocks, {moved.Bytes} KV bytes in {moved.TransferMs:0.000} ms, layer by layer while they were computed, {moved.ExposedTransferMs:0.000} ms of it after that; first token after {request.TimeToFirstToken.TotalMilliseconds:0.0} ms, {request.Answer.Count} new tokens"));
    }

    private StringBuilder Held(DemoRequest request)
    {
        if (!_held.TryGetValue(request.Id, out var held)) _held.Add(request.Id, held = new StringBuilder());
        return held;
    }

    private static string Join(string separator, params string[] parts) => string.Join(separator, parts.Where(part => part.Length > 0));
}
