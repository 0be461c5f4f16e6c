using System.Diagnostics;
using System.Globalization;
using TorchSharp;
using static TorchSharp.torch;

namespace Nixl.Sdk.Samples.Trainer;

/// <summary>AdamW with warm-up and a cosine over the time budget; the last fifth trains on the longer context.</summary>
internal sealed class TrainingRun(ModelShape shape, TrainOptions options, Corpus corpus)
{
    private const int WarmUpSteps = 150;
    private const double LongShare = 0.2;
    private static readonly TimeSpan CheckpointEvery = TimeSpan.FromMinutes(3);

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private long _tokens;

    internal void Run()
    {
        torch.manual_seed(options.Seed);
        torch.set_num_threads(options.Threads);
        using var network = new LlamaNetwork(shape);
        var matrices = network.Parameters.Values.Where(p => p.dim() > 1).ToList();
        var vectors = network.Parameters.Values.Where(p => p.dim() == 1).ToList();
        using var decayed = torch.optim.AdamW(matrices, lr: options.PeakRate, beta1: 0.9, beta2: 0.95, weight_decay: 0.1);
        using var plain = torch.optim.AdamW(vectors, lr: options.PeakRate, beta1: 0.9, beta2: 0.95, weight_decay: 0);
        var random = new Random(options.Seed);
        Say($"{network.ParameterCount} parameters, {corpus.TrainTokens} training and {corpus.HeldOut.Length} held-out tokens");
        var (lastSave, running) = (_clock.Elapsed, 0.0);
        for (long step = 1; step <= options.MaxSteps && _clock.Elapsed < options.Budget; step++)
        {
            var progress = _clock.Elapsed / options.Budget;
            var rate = Rate(step, progress);
            foreach (var group in decayed.ParamGroups.Concat(plain.ParamGroups)) group.LearningRate = rate;
            var loss = Step(network, decayed, plain, random, progress > 1 - LongShare ? options.LongContext : options.Context);
            running = step == 1 ? loss : (0.98 * running) + (0.02 * loss);
            if (step % 50 == 0)
                Say($"step {step} tokens {_tokens} loss {loss:0.0000} mean {running:0.0000} rate {rate:0.00000} "
                    + $"{_tokens / _clock.Elapsed.TotalSeconds:0} tokens/s");
            if (_clock.Elapsed - lastSave < CheckpointEvery) continue;
            Checkpoint.Save(options.Output, shape, network);
            lastSave = _clock.Elapsed;
            Say($"saved; held-out loss {HeldOutLoss(network, 24):0.0000}");
        }
        Checkpoint.Save(options.Output, shape, network);
        Say($"done: tokens {_tokens} held-out loss {HeldOutLoss(network, int.MaxValue):0.0000} nats per byte");
    }

    private double Step(LlamaNetwork network, optim.Optimizer decayed, optim.Optimizer plain, Random random, int context)
    {
        using var scope = torch.NewDisposeScope();
        var rows = Math.Max(2, options.BatchTokens / context);
        var batch = torch.tensor(corpus.Sample(random, rows, context)).view(rows, context + 1);
        var loss = Loss(network, batch, context);
        decayed.zero_grad();
        plain.zero_grad();
        loss.backward();
        torch.nn.utils.clip_grad_norm_(network.Parameters.Values, 1.0);
        decayed.step();
        plain.step();
        _tokens += rows * context;
        return loss.ToDouble();
    }

    private double HeldOutLoss(LlamaNetwork network, int limit)
    {
        using var noGrad = torch.no_grad();
        double sum = 0;
        var count = 0;
        var context = options.LongContext;
        for (var at = 0; at + context < corpus.HeldOut.Length && count < limit; at += context, count++)
        {
            using var scope = torch.NewDisposeScope();
            var row = corpus.HeldOut.AsSpan(at, context + 1).ToArray().Select(t => (long)t).ToArray();
            sum += Loss(network, torch.tensor(row).view(1, context + 1), context).ToDouble();
        }
        return sum / Math.Max(1, count);
    }

    private static Tensor Loss(LlamaNetwork network, Tensor batch, int context)
    {
        var logits = network.Forward(batch.narrow(1, 0, context));
        return torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[2]), batch.narrow(1, 1, context).reshape(-1));
    }

    private double Rate(long step, double progress) =>
        options.PeakRate * Math.Min(1.0, (double)step / WarmUpSteps) * (0.02 + (0.98 * 0.5 * (1 + Math.Cos(Math.PI * progress))));

    private void Say(string text) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{_clock.Elapsed:hh\\:mm\\:ss} {text}"));
}
