using Nixl.Sdk.Samples.Model;

namespace Nixl.Sdk.Engine.Tests;

/// <summary>
/// The same model written as plainly as it can be: double precision, whole sequence at once, no cache, no vectors. Shares no
/// arithmetic with the engine.
/// </summary>
internal sealed class NaiveLlama(LlamaConfig config, Dictionary<string, (long[] Shape, float[] Data)> tensors)
{
    /// <summary>Logits after the last of the tokens.</summary>
    internal double[] Logits(int[] tokens)
    {
        var x = tokens.Select(t => Row("model.embed_tokens.weight", t, config.HiddenSize)).ToArray();
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var name = $"model.layers.{layer}";
            var h = x.Select(row => Norm(row, $"{name}.input_layernorm.weight")).ToArray();
            var q = h.Select((row, p) => Rotate(Multiply($"{name}.self_attn.q_proj.weight", row), p)).ToArray();
            var k = h.Select((row, p) => Rotate(Multiply($"{name}.self_attn.k_proj.weight", row), p)).ToArray();
            var v = h.Select(row => Multiply($"{name}.self_attn.v_proj.weight", row)).ToArray();
            for (var p = 0; p < x.Length; p++) x[p] = Sum(x[p], Multiply($"{name}.self_attn.o_proj.weight", Attend(q[p], k, v, p)));
            for (var p = 0; p < x.Length; p++)
            {
                var n = Norm(x[p], $"{name}.post_attention_layernorm.weight");
                var gate = Multiply($"{name}.mlp.gate_proj.weight", n);
                var up = Multiply($"{name}.mlp.up_proj.weight", n);
                x[p] = Sum(x[p], Multiply($"{name}.mlp.down_proj.weight", [.. gate.Zip(up, (g, u) => g / (1 + Math.Exp(-g)) * u)]));
            }
        }
        return Multiply(tensors.ContainsKey("lm_head.weight") ? "lm_head.weight" : "model.embed_tokens.weight", Norm(x[^1], "model.norm.weight"));
    }

    private double[] Attend(double[] query, double[][] keys, double[][] values, int position)
    {
        var result = new double[config.Heads * config.HeadDim];
        for (var head = 0; head < config.Heads; head++)
        {
            int at = head * config.HeadDim, kv = head / (config.Heads / config.KvHeads) * config.HeadDim;
            var weights = new double[position + 1];
            for (var p = 0; p <= position; p++)
                weights[p] = Math.Exp(Enumerable.Range(0, config.HeadDim).Sum(i => query[at + i] * keys[p][kv + i]) / Math.Sqrt(config.HeadDim));
            var sum = weights.Sum();
            for (var p = 0; p <= position; p++)
                for (var i = 0; i < config.HeadDim; i++) result[at + i] += weights[p] / sum * values[p][kv + i];
        }
        return result;
    }

    private double[] Rotate(double[] heads, int position)
    {
        var result = new double[heads.Length];
        var half = config.HeadDim / 2;
        for (var at = 0; at < heads.Length; at += config.HeadDim)
            for (var i = 0; i < half; i++)
            {
                var angle = position * Math.Pow(config.RopeTheta, -2.0 * i / config.HeadDim);
                result[at + i] = (heads[at + i] * Math.Cos(angle)) - (heads[at + half + i] * Math.Sin(angle));
                result[at + half + i] = (heads[at + half + i] * Math.Cos(angle)) + (heads[at + i] * Math.Sin(angle));
            }
        return result;
    }

    private double[] Norm(double[] x, string weight)
    {
        var scale = 1 / Math.Sqrt(x.Sum(v => v * v) / x.Length + config.NormEpsilon);
        return [.. x.Zip(tensors[weight].Data, (v, w) => v * scale * w)];
    }

    private double[] Multiply(string weight, double[] x)
    {
        var (shape, data) = tensors[weight];
        var y = new double[shape[0]];
        for (var row = 0; row < y.Length; row++)
            for (var column = 0; column < x.Length; column++) y[row] += data[(row * x.Length) + column] * x[column];
        return y;
    }

    private double[] Row(string weight, int row, int columns) =>
        [.. tensors[weight].Data.Skip(row * columns).Take(columns).Select(v => (double)v)];

    private static double[] Sum(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];
}
