"""The configurations under which the engine's schedulers are held against diffusers': make_vectors.py
runs them. A case has a name of the engine's, or the configuration names its class."""

import numpy as np

from published import LATENT_DIFFUSION, PUBLISHED

SPACINGS = ["leading", "linspace", "trailing"]
SD1 = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1}
BY_SIGMA = ["euler", "heun", "lms", "kdpm2", "kdpm2-ancestral"]
BY_LOG_SNR = ["deis", "unipc", "dpmpp-2m", "dpmpp-2m-sde", "dpmpp-single"]
BY_ALPHA = ["ddim", "ddpm", "pndm", "lcm", "tcd"]
DIFFUSION = [*BY_SIGMA, "euler-ancestral", *BY_LOG_SNR, *BY_ALPHA]
NAMES = [*DIFFUSION, "flow-match-euler"]

# diffusers has no prediction of x0 for these.
NO_SAMPLE = ["euler-ancestral", "pndm", "kdpm2", "kdpm2-ancestral"]
NO_SPACING = ["dpmpp-single", "lcm", "tcd"]


def base(name: str) -> dict:
    """As Stable Diffusion 1 is published, where the class has such settings."""
    if name == "flow-match-euler":
        return {"shift": 3.0}
    if name == "pndm":
        return {**SD1, "skip_prk_steps": True}
    return {**SD1, "clip_sample": False}


def case(name, config, steps, **run) -> dict:
    return {**({"name": name} if name else {}), "config": config, "steps": steps, **run}


def every_case() -> list[dict]:
    return [*step_counts(), *spacings(), *noise(), *respaced(), *bounded(), *solvers(), *euler(), *ddim_and_ddpm(),
            *few_steps(), *flows(), *late(), *trailing_extra(), *published()]


def step_counts():
    return [case(name, base(name), steps) for name in NAMES for steps in [1, 2, 4, 10, 25, 50]
            if (name, steps) != ("kdpm2-ancestral", 2)]  # See last_bits.


def spacings():
    cases = []
    for name in DIFFUSION:
        for prediction in ["epsilon", "v_prediction", "sample"]:
            if prediction == "sample" and name in NO_SAMPLE:
                continue
            for spacing in ["linspace"] if name in NO_SPACING else SPACINGS:
                config = {**base(name), "prediction_type": prediction, "timestep_spacing": spacing}
                cases.append(case(name, config, 7 if spacing == "linspace" else 10))
    return cases


def noise():
    """Schedules of betas, and each class's own defaults."""
    cases = []
    trained = np.linspace(0.001, 0.05, 100).tolist()
    for name in DIFFUSION:
        own = {"skip_prk_steps": True} if name == "pndm" else {}
        cases.append(case(name, own, 10))
        cases.append(case(name, {**own, "beta_schedule": "scaled_linear"}, 7))
        if name != "kdpm2-ancestral":  # Of which diffusers makes NaN.
            cases.append(case(name, {**own, "beta_schedule": "squaredcos_cap_v2"}, 7))
        cases.append(case(name, {**own, "trained_betas": trained, "num_train_timesteps": 100}, 8))
    cases.append(case("heun", {"beta_schedule": "exp"}, 8))
    cases += [case("ddpm", {"beta_schedule": betas}, 8) for betas in ["laplace", "sigmoid"]]
    for name in ["ddim", "ddpm", "euler", "euler-ancestral", "unipc", "dpmpp-2m", "dpmpp-2m-sde", "lcm", "tcd"]:
        config = {**base(name), "rescale_betas_zero_snr": True, "prediction_type": "v_prediction",
                  "timestep_spacing": "trailing"}
        cases += [case(name, config, steps) for steps in [4, 10, 25]]
    return cases


def respaced():
    cases = []
    for name in [*BY_SIGMA, *BY_LOG_SNR, "flow-match-euler"]:
        for kind in ["karras", "exponential", "beta"]:
            config = {**base(name), f"use_{kind}_sigmas": True}
            cases += [case(name, config, steps) for steps in [1, 8, 25]]
            if name != "flow-match-euler":
                cases.append(case(name, {**config, "sigma_min": 0.1, "sigma_max": 10.0}, 8))
                cases.append(case(name, {**config, "prediction_type": "v_prediction", "timestep_spacing": "trailing"}, 8))
    for name in ["dpmpp-2m", "dpmpp-2m-sde"]:
        cases += [case(name, {**base(name), "use_lu_lambdas": True}, steps) for steps in [8, 25]]
        cases.append(case(name, {"beta_schedule": "squaredcos_cap_v2", "use_lu_lambdas": True}, 12))
        cases.append(case(name, {"beta_schedule": "squaredcos_cap_v2", "use_karras_sigmas": True}, 12))
    # Karras's levels told as whole timesteps repeat some of them.
    cases += [case(name, {**base(name), "use_karras_sigmas": True}, 50) for name in ["dpmpp-2m", "unipc", "kdpm2"]]
    for name in ["euler", "unipc", "dpmpp-2m", "dpmpp-2m-sde", "dpmpp-single"]:
        for kind in [{}, {"use_karras_sigmas": True}]:
            cases += [case(name, {**base(name), "final_sigmas_type": "sigma_min", **kind}, steps) for steps in [8, 20]]
    return cases


def bounded():
    cases = []
    for name in ["ddim", "ddpm", "lcm", *BY_LOG_SNR]:
        cases.append(case(name, {**base(name), "thresholding": True}, 10))
        cases.append(case(name, {**base(name), "thresholding": True, "dynamic_thresholding_ratio": 0.8,
                                 "sample_max_value": 1.5, "prediction_type": "v_prediction"}, 10))
    for name in ["ddim", "ddpm", "lcm", "heun"]:
        cases.append(case(name, {**base(name), "clip_sample": True}, 10))
        cases.append(case(name, {**base(name), "clip_sample": True, "clip_sample_range": 0.5}, 10))
    return cases


def solvers():
    cases = []
    for name in BY_LOG_SNR:
        for order in [1, 3]:
            for steps in [2, 5, 6, 10, 20]:
                cases.append(case(name, {**base(name), "solver_order": order}, steps))
        cases.append(case(name, {**base(name), "solver_order": 3, "prediction_type": "v_prediction",
                                 "timestep_spacing": "trailing"}, 10))
    for name in ["dpmpp-2m", "dpmpp-2m-sde", "dpmpp-single"]:
        for order in [2, 3]:
            cases.append(case(name, {**base(name), "solver_type": "heun", "solver_order": order}, 10))
            for flags in [{"lower_order_final": False}, {"lower_order_final": True},
                          {"euler_at_final": True}, {"lower_order_final": False, "euler_at_final": True}]:
                for steps in [5, 6, 16]:
                    cases.append(case(name, {**base(name), **flags, "solver_order": order,
                                             "final_sigmas_type": "sigma_min"}, steps))
        cases.append(case(name, {"beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -5.1}, 10))
    cases.append(case("dpmpp-2m", {"beta_schedule": "squaredcos_cap_v2", "lambda_min_clipped": -2.0,
                                   "timestep_spacing": "trailing"}, 10))
    for class_name in ["DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler"]:
        for algorithm in ["dpmsolver", "sde-dpmsolver", "sde-dpmsolver++", "dpmsolver++", "deis"]:
            if (class_name, algorithm) == ("DPMSolverSinglestepScheduler", "sde-dpmsolver"):
                continue
            for extra in [{}, {"solver_type": "heun"}, {"prediction_type": "v_prediction"},
                          {"prediction_type": "sample"}, {"solver_order": 3}, {"solver_order": 3, "solver_type": "heun"},
                          {"thresholding": True}]:
                if algorithm == "sde-dpmsolver" and extra.get("solver_order") == 3:
                    continue
                if (class_name, algorithm) == ("DPMSolverSinglestepScheduler", "dpmsolver") and "thresholding" in extra:
                    continue
                config = {"_class_name": class_name, "algorithm_type": algorithm, **SD1,
                          "final_sigmas_type": "sigma_min", **extra}
                cases.append(case(None, config, 6))
    for extra in [{"solver_type": "bh1"}, {"solver_type": "bh1", "solver_order": 3}, {"predict_x0": False},
                  {"predict_x0": False, "solver_order": 3, "prediction_type": "v_prediction"},
                  {"predict_x0": False, "prediction_type": "sample", "solver_type": "bh1"},
                  {"disable_corrector": [0, 2]}, {"solver_order": 3, "disable_corrector": [0, 1, 2]},
                  {"lower_order_final": False, "final_sigmas_type": "sigma_min"}, {"solver_type": "midpoint"}]:
        # Else diffusers makes NaN of the first.
        final = {"final_sigmas_type": "sigma_min"} if extra.get("solver_type") == "bh1" or "predict_x0" in extra else {}
        cases += [case("unipc", {**base("unipc"), **final, **extra}, steps) for steps in [4, 10, 20]]
    for extra in [{"lower_order_final": False}, {"lower_order_final": False, "solver_order": 3},
                  {"solver_type": "heun", "algorithm_type": "dpmsolver++"}]:
        cases += [case("deis", {**base("deis"), **extra}, steps) for steps in [4, 10, 20]]
    return cases


def euler():
    cases = []
    for extra in [{}, {"use_karras_sigmas": True}, {"use_exponential_sigmas": True}, {"final_sigmas_type": "sigma_min"}]:
        cases.append(case("euler", {**base("euler"), "interpolation_type": "log_linear", **extra}, 10))
        cases.append(case("euler", {**base("euler"), "timestep_type": "continuous", "prediction_type": "v_prediction",
                                    **extra}, 10))
    cases.append(case("euler", {**base("euler"), "timestep_type": "continuous"}, 5))
    return cases


def ddim_and_ddpm():
    cases = []
    for extra in [{"set_alpha_to_one": False}, {"steps_offset": 0}]:
        cases += [case(name, {**base(name), **extra}, 10) for name in ["ddim", "pndm"]]
    cases += [case("ddim", {**base("ddim"), "prediction_type": kind}, 10, eta=eta)
              for kind in ["epsilon", "v_prediction"] for eta in [0.5, 1.0]]
    for variance in ["fixed_small", "fixed_small_log", "fixed_large"]:
        cases += [case("ddpm", {**base("ddpm"), "variance_type": variance, "steps_offset": offset}, steps)
                  for offset, steps in [(0, 10), (1, 10), (1, 100)]]
    for extra in [{}, {"set_alpha_to_one": True}, {"prediction_type": "v_prediction"}, {"timestep_spacing": "trailing"},
                  {"timestep_spacing": "linspace"}]:
        cases += [case("pndm", {**SD1, **extra}, steps) for steps in [4, 5, 10, 25]]
    return cases


def few_steps():
    """Models distilled to few steps."""
    cases = [case("lcm", {}, 26)]  # More than half of the distillation's steps.
    for name in ["lcm", "tcd"]:
        for extra in [{"original_inference_steps": 100}, {"set_alpha_to_one": False}, {"timestep_scaling": 1.0}]:
            cases += [case(name, extra, steps) for steps in [1, 4, 8]]
    cases += [case("tcd", {"prediction_type": kind}, 8, eta=eta)
              for kind in ["epsilon", "v_prediction", "sample"] for eta in [0.0, 0.3, 0.75, 1.0]]
    return cases


def flows():
    cases = []
    for extra in [{}, {"shift": 1.15}, {"shift_terminal": 0.02}, {"invert_sigmas": True}, {"stochastic_sampling": True},
                  {"num_train_timesteps": 500}]:
        cases += [case("flow-match-euler", extra, steps) for steps in [4, 28]]
    for extra in [{}, {"time_shift_type": "linear"}, {"shift": 3.0}, {"shift_terminal": 0.02},
                  {"use_karras_sigmas": True}]:
        cases.append(case("flow-match-euler", {"use_dynamic_shifting": True, **extra}, 8, mu=0.8))
    for name in ["deis", "unipc", "dpmpp-2m", "dpmpp-2m-sde", "dpmpp-single"]:
        for shift in [1.0, 3.0]:
            config = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": shift}
            cases += [case(name, config, steps) for steps in [4, 20]]
    return cases


def late():
    """As image-to-image begins."""
    cases = []
    for name in NAMES:
        for steps, strength in [(10, 0.8), (10, 0.3), (5, 0.7), (25, 0.5), (7, 0.99)]:
            cases.append(case(name, base(name), steps, strength=strength))
    for name in BY_LOG_SNR:
        cases.append(case(name, {**base(name), "solver_order": 3}, 20, strength=0.6))
        cases.append(case(name, {**base(name), "use_karras_sigmas": True}, 20, strength=0.6))
    for name in BY_SIGMA:
        cases.append(case(name, {**base(name), "use_karras_sigmas": True}, 9, strength=0.6))
    cases.append(case("pndm", SD1, 25, strength=0.6))
    cases.append(case("pndm", SD1, 25, strength=0.9))
    for name in ["lcm", "tcd"]:
        for steps, strength in [(4, 0.5), (4, 0.8), (1, 0.1), (2, 0.05), (8, 0.33), (25, 0.5), (7, 1.0)]:
            cases.append(case(name, base(name), steps, strength=strength, spreadsSteps=True))
        cases.append(case(name, {**base(name), "original_inference_steps": 100, "prediction_type": "v_prediction"}, 6,
                          strength=0.57, spreadsSteps=True))
    return cases


def trailing_extra():
    """Step counts about which numpy.arange gives one timestep more, -1."""
    return [case(name, {**base(name), "timestep_spacing": "trailing"}, steps)
            for name in ["ddim", "pndm", "ddpm", "euler", "dpmpp-2m"] for steps in [31, 61, 103]]


def last_bits():
    """Where float32 cancels all but a few bits, so that torch's vectorised sqrt, which errs by a little more than half
    of the last bit of its result and differs between processors, shows. Compared by a looser bound."""
    # Four bits are left of the first beta; they make the lowest sigma, between which and the highest all others lie.
    cosine = {"beta_schedule": "squaredcos_cap_v2", "rescale_betas_zero_snr": True, "prediction_type": "v_prediction",
              "use_karras_sigmas": True}
    # One step from the highest to the lowest sigma: below it lies what is left of the difference of two squares.
    return [*[case("dpmpp-2m", cosine, steps) for steps in [4, 10, 20, 25]],
            case("kdpm2-ancestral", base("kdpm2-ancestral"), 2)]


def published():
    """scheduler_config.json of models as they are published, run by their own class."""
    models = [("sd-1.5", 50), ("sd-2.1", 25), ("sd-2-inpainting", 20), ("sdxl-base", 25), ("sdxl-turbo", 4),
              ("sd-turbo", 1), ("lcm-dreamshaper", 4)]
    sd1 = LATENT_DIFFUSION
    configs = [
        *[(PUBLISHED[name]["scheduler"], steps) for name, steps in models],
        ({"_class_name": "DPMSolverMultistepScheduler", **sd1, "algorithm_type": "sde-dpmsolver++",
          "dynamic_thresholding_ratio": 0.995, "lower_order_final": True, "prediction_type": "epsilon",
          "sample_max_value": 1.0, "solver_order": 2, "solver_type": "midpoint", "thresholding": False,
          "use_karras_sigmas": True}, 25),
        ({"_class_name": "EulerDiscreteScheduler", **sd1, "interpolation_type": "linear",
          "prediction_type": "v_prediction", "sigma_max": 700.0, "sigma_min": 0.002, "steps_offset": 1,
          "timestep_spacing": "leading", "timestep_type": "continuous", "use_karras_sigmas": True}, 25),
        ({"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, "shift": 3.0}, 28),
        ({"_class_name": "UniPCMultistepScheduler", "flow_shift": 3.0, "use_flow_sigmas": True,
          "prediction_type": "flow_prediction", "solver_order": 2, "solver_type": "bh2", "disable_corrector": [],
          "final_sigmas_type": "zero", "lower_order_final": True, "predict_x0": True, "solver_p": None}, 25),
        ({"_class_name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver++", "flow_shift": 3.0,
          "prediction_type": "flow_prediction", "solver_order": 2, "solver_type": "midpoint",
          "use_flow_sigmas": True}, 20),
    ]
    return [case(None, config, steps) for config, steps in configs]
