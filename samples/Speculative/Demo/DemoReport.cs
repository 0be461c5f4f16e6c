using System.Globalization;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>What the demo found; with --json the last line of stdout. Times are of the fastest run, in milliseconds, prompt included.</summary>
internal sealed class DemoReport(DemoOptions options, int promptTokens, int draftProcessId)
{
    private readonly List<string> _problems = [];

    public string Prompt => options.Prompt;

    public string Text { get; private set; } = "";

    public int PromptTokens => promptTokens;

    public int NewTokens { get; private set; }

    public int ProcessId { get; } = Environment.ProcessId;

    public int DraftProcessId => draftProcessId;

    public string Transport { get; private set; } = "";

    public string TransportProvider { get; private set; } = "";

    public int K => options.K;

    public bool Adaptive => options.Adaptive;

    public int Runs { get; private set; }

    public int IdenticalRuns { get; private set; }

    /// <summary>Whether every answer has the tokens of plain greedy decoding.</summary>
    public bool Identical => Runs > 0 && IdenticalRuns == Runs;

    public int Rounds { get; private set; }

    public int Proposed { get; private set; }

    public int Accepted { get; private set; }

    public double AcceptanceRate => Proposed == 0 ? 0 : (double)Accepted / Proposed;

    public double TokensPerRound => Rounds == 0 ? 0 : (double)NewTokens / Rounds;

    public double PlainMs { get; private set; } = double.PositiveInfinity;

    public double SpeculativeMs { get; private set; } = double.PositiveInfinity;

    public double SpeedUp => PlainMs / SpeculativeMs;

    /// <summary>Verifying, in the fastest run.</summary>
    public double VerifyMs { get; private set; }

    /// <summary>Computing candidates, as the draft engine measured it; the prompt in the draft model included.</summary>
    public double DraftMs { get; private set; }

    /// <summary>Waiting for candidates beyond that: transfers, notifications, thread switches.</summary>
    public double ExchangeMs { get; private set; }

    /// <summary>Keys and values of the draft model that came in one run, in so many WRITEs.</summary>
    public long KvBytes { get; private set; }

    public int KvWrites { get; private set; }

    /// <summary>Remote, TakenOver or Lost.</summary>
    public string Draft { get; private set; } = "";

    public string? DraftFailure { get; private set; }

    /// <summary>Positions that the draft model computed in the verifier's process after a take-over.</summary>
    public long PositionsComputedAfterTakeOver { get; private set; }

    /// <summary>What was not as it should be; empty for a success.</summary>
    public IReadOnlyList<string> Problems => _problems;

    internal void Add(int[] plain, TimeSpan plainTime, Answer answer, DraftLink link, (long Bytes, int Writes, TimeSpan Drafting) before, ITokenizer tokenizer)
    {
        Runs++;
        if (answer.Tokens.SequenceEqual(plain)) IdenticalRuns++;
        else _problems.Add($"run {Runs}: token {answer.Tokens.Zip(plain).TakeWhile(pair => pair.First == pair.Second).Count()} differs from plain decoding");
        PlainMs = Math.Min(PlainMs, plainTime.TotalMilliseconds);
        if (answer.Elapsed.TotalMilliseconds >= SpeculativeMs) return;
        SpeculativeMs = answer.Elapsed.TotalMilliseconds;
        (Text, NewTokens) = (tokenizer.Decode(answer.Tokens.ToArray()), answer.Tokens.Count);
        (Rounds, Proposed, Accepted) = (answer.Rounds.Count, answer.Proposed, answer.Accepted);
        VerifyMs = answer.Verifying.TotalMilliseconds;
        DraftMs = (link.Drafting - before.Drafting).TotalMilliseconds;
        ExchangeMs = Math.Max(0, answer.Waiting.TotalMilliseconds - DraftMs);
        (KvBytes, KvWrites) = (link.BytesArrived - before.Bytes, link.Writes - before.Writes);
    }

    /// <summary>After everything has ended: nothing may be left behind.</summary>
    internal void Close(DraftLink link, TargetModel target)
    {
        (Transport, TransportProvider) = (link.Transport.ToLowerInvariant(), link.Provider);
        (Draft, DraftFailure, PositionsComputedAfterTakeOver) = (link.State.ToString(), link.Failure, link.PositionsComputedHere);
        var blocks = link.Blocks.Snapshot();
        if (blocks.Free != blocks.Blocks) _problems.Add($"{blocks.Blocks - blocks.Free} of the draft cache's {blocks.Blocks} blocks were not given back");
        if (target.FreeBlocks != target.Blocks) _problems.Add($"{target.Blocks - target.FreeBlocks} of the verifier's {target.Blocks} blocks were not given back");
    }

    internal void Print(TextWriter output)
    {
        Line($"verifier    process {ProcessId}, {Path.GetFileName(options.Model)}; draft engine process {DraftProcessId}, {Path.GetFileName(options.DraftModel)}");
        Line($"transport   {Transport}: {TransportProvider}");
        Line($"answer      {Prompt}>{Text}");
        Line($"identical   to plain greedy decoding: {(Identical ? "yes" : "no")} ({IdenticalRuns}/{Runs} runs, {NewTokens} tokens)");
        Line($"acceptance  {100 * AcceptanceRate:0.0} % ({Accepted} of {Proposed} candidates), {TokensPerRound:0.00} tokens per round, {Rounds} rounds with k {(Adaptive ? "from " : "")}{K}{(Adaptive ? " on, adaptive" : "")}");
        Line($"time        plain {PlainMs:0.0} ms, speculative {SpeculativeMs:0.0} ms: {SpeedUp:0.00} times as fast");
        Line($"            of that verifying {VerifyMs:0.0} ms, drafting {DraftMs:0.0} ms (the verifier waits meanwhile), exchange {ExchangeMs:0.0} ms");
        Line($"moved       {KvBytes} bytes of the draft model's cache in {KvWrites} WRITEs, each with its candidates as notification");
        if (DraftFailure is not null)
            Line($"draft       {(Draft == nameof(DraftState.TakenOver) ? $"taken over from the cache that it left, {PositionsComputedAfterTakeOver} positions computed here" : "lost")}: {DraftFailure}");
        foreach (var problem in Problems) Line($"error: {problem}");

        void Line(FormattableString text) => output.WriteLine(text.ToString(CultureInfo.InvariantCulture));
    }
}
