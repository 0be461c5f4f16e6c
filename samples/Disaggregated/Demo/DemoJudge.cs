namespace Nixl.Sdk.Samples.Disaggregated;

/// <summary>Runs the same prompts through one engine and holds everything that was claimed against what was counted.</summary>
internal static class DemoJudge
{
    internal static DemoReport Judge(DemoOptions options, DemoSession session, IReadOnlyList<DemoRequest> requests, ModelHandle model, CancellationToken cancellation)
    {
        List<string> problems = [];
        var identical = 0;
        var monolithic = new MonolithicEngine(model);
        foreach (var request in requests)
        {
            var expected = monolithic.Generate(request.Prompt, options.MaxNewTokens, cancellation: cancellation);
            if (expected.AsSpan().SequenceEqual([.. request.Answer])) identical++;
            else problems.Add($"{request.Id}: the tokens differ from the monolithic engine's from number {expected.AsSpan().CommonPrefixLength([.. request.Answer])} on");
            Expect(request.Failure is null, $"{request.Id}: the prefill engine failed: {request.Failure}");
            Expect(request.Arrived?.Bytes == request.Blocks * KjvBytesKv.BytesPerBlock, $"{request.Id}: its transfer carried {request.Arrived?.Bytes} bytes for {request.Blocks} blocks");
        }
        var (prefill, decode) = (session.PrefillStatistics, session.DecodeStatistics);
        var blocks = requests.Sum(request => request.Blocks);
        var kvBytes = blocks * (long)KjvBytesKv.BytesPerBlock;
        var promptTokens = requests.Sum(request => request.Tokens.Length);
        var newTokens = requests.Sum(request => request.Answer.Count);
        Expect(prefill.WrittenBytes == kvBytes, $"the transport counted {prefill.WrittenBytes} bytes; the requests' blocks have {kvBytes}");
        Expect(prefill.Failures == 0, $"{prefill.Failures} transfers failed");
        Expect(prefill.TokensComputed == promptTokens, $"the prefill engine computed {prefill.TokensComputed} tokens for {promptTokens} prompt tokens");
        // Each answer's first token came with the blocks; every other one costs the decode engine one token of computing.
        Expect(decode.TokensComputed == newTokens - requests.Count, $"the decode engine computed {decode.TokensComputed} tokens; {newTokens - requests.Count} were due");
        Expect(prefill.FreeBlocks == options.Blocks && decode.FreeBlocks == options.Blocks, "an engine has not returned all of its blocks");
        var processes = session.PrefillReady.ProcessId != session.DecodeReady.ProcessId;
        Expect(processes != (options.Transport == NixlTransports.Loopback), $"the engines run in {(processes ? "two processes" : "one process")}");
        return new DemoReport
        {
            Requests = requests.Count,
            Identical = identical == requests.Count,
            IdenticalRequests = identical,
            PromptTokens = promptTokens,
            NewTokens = newTokens,
            KvBytes = kvBytes,
            CountedBytes = prefill.WrittenBytes,
            Blocks = blocks,
            TransferMsP50 = DemoReport.Percentile(requests.Select(request => request.Arrived?.TransferMs ?? 0), 0.50),
            TransferMsP99 = DemoReport.Percentile(requests.Select(request => request.Arrived?.TransferMs ?? 0), 0.99),
            ExposedMsP50 = DemoReport.Percentile(requests.Select(request => request.Arrived?.ExposedTransferMs ?? 0), 0.50),
            Transport = session.Connected.Transport.ToLowerInvariant(),
            TransportProvider = session.Connected.Provider,
            TransportVersion = session.Connected.Version,
            TtftMsP50 = DemoReport.Percentile(requests.Select(request => request.TimeToFirstToken.TotalMilliseconds), 0.50),
            TtftMsP99 = DemoReport.Percentile(requests.Select(request => request.TimeToFirstToken.TotalMilliseconds), 0.99),
            Transfers = prefill.Transfers,
            PrefillProcessId = session.PrefillReady.ProcessId,
            DecodeProcessId = session.DecodeReady.ProcessId,
            PromptTokensComputedByPrefill = prefill.PromptTokensComputed,
            PromptTokensComputedByDecode = decode.PromptTokensComputed,
            Fingerprint = session.DecodeReady.Fingerprint,
            Seed = options.Seed,
            Problems = problems,
        };

        void Expect(bool holds, string otherwise)
        {
            if (!holds) problems.Add(otherwise);
        }
    }
}
