using System.Diagnostics;
using Nixl.Sdk.Metadata;
using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Samples.Speculative;

/// <summary>Runs the verifier in this process and a draft engine beside it, plain and speculative in turns.</summary>
internal static class DemoSession
{
    private const string Verifier = "verifier-0";

    // Not measured: the code of both engines is compiled by it.
    private const string WarmUp = "In the beginning God created the heaven and the earth.";
    private const int WarmUpTokens = 48;

    internal static async Task<DemoReport> RunAsync(DemoOptions options, int maxK, CancellationToken cancellation)
    {
        using var model = LlamaModel.Load(options.Model);
        using var draftModel = DraftModel.Load(options.DraftModel);
        if (model.Config.VocabularySize != draftModel.Model.Config.VocabularySize || model.Config.MaxPositions > draftModel.Model.Config.MaxPositions)
            throw new InvalidDataException($"The draft model has {draftModel.Model.Config.VocabularySize} tokens and {draftModel.Model.Config.MaxPositions} positions, the verifier's {model.Config.VocabularySize} and {model.Config.MaxPositions}: they do not fit.");
        var tokenizer = new ByteTokenizer();
        if (tokenizer.VocabularySize != model.Config.VocabularySize)
            throw new InvalidDataException($"{options.Model}: vocab_size is {model.Config.VocabularySize}; the byte tokenizer has {tokenizer.VocabularySize} tokens.");
        var prompt = tokenizer.Encode(options.Prompt);
        using var target = new TargetModel(model, maxK, options.Seed);
        await using var agent = await NixlAgent.CreateAsync(
            new NixlAgentOptions { Name = Verifier, Transports = options.Transport, DefaultTimeout = options.Timeout }, cancellation);
        using var pool = draftModel.CreatePool(agent, CommonOptions.DefaultBlocks);
        await using var exchange = new DirectMetadataExchange();
        await exchange.PublishAsync(Verifier, agent.ExportMetadata, cancellation);

        var peer = options.Transport == NixlTransports.Loopback
            ? new HostedDraft(stop => RunHereAsync(agent, draftModel, options, stop))
            : (DraftPeer)new ChildDraft(Verifier, exchange.Endpoint!, options);
        var report = new DemoReport(options, prompt.Length, peer.ProcessId);
        DraftLink link;
        await using (peer)
        {
            link = await DraftLink.AcceptAsync(agent, pool, draftModel, peer, options.Timeout, cancellation);
            var warm = new SpeculativeDecoder(target, link);
            for (var i = 0; i < 3; i++)
            {
                PlainDecoder.Generate(model, tokenizer.Encode(WarmUp), WarmUpTokens, cancellation);
                await warm.GenerateAsync(tokenizer.Encode(WarmUp), WarmUpTokens, options.K, options.Adaptive, cancellation);
            }
            var decoder = new SpeculativeDecoder(target, link)
            {
                OnRound = round =>
                {
                    if (round == options.KillDraftAfter && !peer.Exited.IsCancellationRequested) peer.Kill();
                },
            };
            for (var run = 0; run < options.Runs; run++)
            {
                var clock = Stopwatch.StartNew();
                var plain = PlainDecoder.Generate(model, prompt, options.Tokens, cancellation);
                var plainTime = clock.Elapsed;
                var before = (link.BytesArrived, link.Writes, link.Drafting);
                var answer = await decoder.GenerateAsync(prompt, options.Tokens, options.K, options.Adaptive, cancellation);
                report.Add(plain, plainTime, answer, link, before, tokenizer);
            }
        }
        link.DraftHasExited(); // so the operating system says, or its task has ended
        await link.DisposeAsync();
        report.Close(link, target);
        return report;
    }

    private static async Task RunHereAsync(NixlAgent verifier, DraftModel model, DemoOptions options, CancellationToken stop)
    {
        await using var agent = await NixlAgent.CreateAsync(new NixlAgentOptions { Name = "draft-0", Transports = options.Transport, DefaultTimeout = options.Timeout }, stop);
        await using var engine = await DraftEngine.ConnectAsync(
            agent, model, verifier.ExportMetadata(), CommonOptions.DefaultBlocks, options.Seed + 7919, options.Timeout, wrap: null, stop);
        await engine.RunAsync(stop);
    }
}
